// The verdict: what a run came to, in the sentences a person would say. Made here once for the command line, the Run view,
// comparisons and reports.
//
//   Converged in 6 rounds. Blackout 5.31 ms of 50 allowed. No page lost. 381 MiB sent (1.3×).
//
// Lost pages outweigh everything, so they come first. Every number is a part with a reference to the figure, the event or the
// line of `expect` it was taken from, so that a view can lead there. Texts of a producer (reasons, failures) are passed on as
// they are: whoever shows them makes them harmless.
import { PAGE_SIZE } from '../../engine/core/units.ts';
import type { ExpectResult, Loss, Summary } from '../../engine/experiment/result.ts';
import { exactFigure, formatFigure, formatPlural, type FigureUnit } from './format.ts';

export type VerdictTone =
  /** It did what it was to do. */
  | 'good'
  /** It is there, but something about it is not as asked. */
  | 'warning'
  | 'bad'
  /** Pages were lost. Nothing else has this tone. */
  | 'lost'
  | 'neutral';

/** Where a part of the verdict comes from. */
export type VerdictSource =
  /** A field of the summary or of the experiment: `summary.downtimeNs`, `experiment.migration.downtime_limit`. */
  | { readonly at: 'figure'; readonly path: string }
  /** An event of the run, by its number. */
  | { readonly at: 'event'; readonly number: number }
  /** The list of lost pages. */
  | { readonly at: 'losses' }
  | { readonly at: 'expect' };

export interface VerdictPart {
  readonly text: string;
  readonly source?: VerdictSource;
  /** With every digit, where the text is rounded. */
  readonly exact?: string;
}

export interface VerdictSentence {
  readonly about: 'loss' | 'end' | 'reason' | 'blackout' | 'sent' | 'expect';
  readonly tone: VerdictTone;
  readonly parts: readonly VerdictPart[];
}

export interface Verdict {
  readonly tone: VerdictTone;
  readonly sentences: readonly VerdictSentence[];
}

/** What of a run the verdict is made from; a run of the store and one of the contract both have it. */
export interface VerdictOf {
  readonly row: {
    readonly status: 'running' | 'finished' | 'failed' | 'interrupted';
    readonly failure: string | null;
    readonly sampleCount: number;
    readonly eventCount: number;
  };
  readonly summary: Summary | null;
  readonly expect: readonly ExpectResult[];
}

/** What the experiment asked for, as far as it is known (imports often do not say). */
export interface VerdictLimits {
  readonly downtimeLimitNs: number | null;
  /** Whether the guest may move before its memory has. */
  readonly postcopy: boolean | null;
}

export const NO_LIMITS: VerdictLimits = { downtimeLimitNs: null, postcopy: null };

export function verdictOf(run: VerdictOf, limits: VerdictLimits = NO_LIMITS): Verdict {
  const { summary } = run;
  if (summary === null) return unfinished(run);
  const lost = lossSentence(summary);
  const sentences = [
    endSentence(summary, limits, run.expect),
    ...reasonSentence(summary),
    ...blackoutSentence(summary, limits),
    ...(lost === undefined ? [] : [lost]),
    ...sentSentence(summary),
    ...expectSentence(run.expect),
  ];
  // A stable sort: what was lost first, the rest in the order above.
  const ordered = [
    ...sentences.filter(({ tone }) => tone === 'lost'),
    ...sentences.filter(({ tone }) => tone !== 'lost'),
  ];
  return { tone: toneOf(ordered, run.expect), sentences: ordered };
}

/** The sentences as one text. */
export function verdictText(verdict: Verdict): string {
  return verdict.sentences.map(sentenceText).join(' ');
}

export function sentenceText({ parts }: VerdictSentence): string {
  return parts.map(({ text }) => text).join('');
}

function toneOf(sentences: readonly VerdictSentence[], expect: readonly ExpectResult[]): VerdictTone {
  const has = (tone: VerdictTone): boolean => sentences.some((sentence) => sentence.tone === tone);
  if (has('lost')) return 'lost';
  // What the experiment expects is the measure, where it says so: a migration that shall not converge did well not to.
  if (expect.length > 0) return expect.every(({ met }) => met) ? 'good' : 'bad';
  if (has('bad')) return 'bad';
  if (has('warning')) return 'warning';
  return has('good') ? 'good' : 'neutral';
}

const figure = (value: number, unit: FigureUnit, path: string): VerdictPart => ({
  text: formatFigure(value, unit),
  exact: exactFigure(value, unit),
  source: { at: 'figure', path },
});
const plain = (text: string): VerdictPart => ({ text });

function lossSentence({ outcome, pages: { lost }, losses }: Summary): VerdictSentence | undefined {
  if (lost !== null && lost > 0) {
    const cause = greatest(losses);
    const where: VerdictPart['source'] =
      cause === undefined || cause.eventIndex < 0 ? { at: 'losses' } : { at: 'event', number: cause.eventIndex };
    return {
      about: 'loss',
      tone: 'lost',
      parts: [
        { text: formatPlural(lost, 'page'), exact: exactFigure(lost, 'pages'), source: where },
        plain(' lost ('),
        { ...figure(lost * PAGE_SIZE, 'bytes', 'summary.pages.lost'), source: { at: 'losses' } },
        plain(').'),
      ],
    };
  }
  // A guest that stays at the source cannot lose a page.
  if (outcome !== 'completed' && outcome !== 'unknown') return undefined;
  if (lost === null)
    return { about: 'loss', tone: 'neutral', parts: [plain('Whether pages were lost was not checked.')] };
  return {
    about: 'loss',
    tone: 'good',
    parts: [{ text: 'No page lost', exact: '0 pages', source: { at: 'losses' } }, plain('.')],
  };
}

function greatest(losses: readonly Loss[]): Loss | undefined {
  return losses.reduce<Loss | undefined>(
    (most, loss) => (most === undefined || loss.pages > most.pages ? loss : most),
    undefined,
  );
}

function endSentence(summary: Summary, { postcopy }: VerdictLimits, expect: readonly ExpectResult[]): VerdictSentence {
  const { outcome, rounds, totalNs, throttleMaxPercent } = summary;
  const roundsPart = (before: string): VerdictPart[] =>
    rounds === null
      ? []
      : [plain(before), { ...figure(rounds, 'count', 'summary.rounds'), text: formatPlural(rounds, 'round') }];
  if (outcome === 'completed') {
    const throttled =
      throttleMaxPercent === null || throttleMaxPercent === 0
        ? []
        : [plain(', vCPUs throttled by up to '), figure(throttleMaxPercent, 'percent', 'summary.throttleMaxPercent')];
    // With post-copy the guest moves whether or not what is left fits.
    const verb = postcopy === false ? 'Converged' : 'Completed';
    return { about: 'end', tone: 'good', parts: [plain(verb), ...roundsPart(' in '), ...throttled, plain('.')] };
  }
  const words = {
    'timed-out': ['Did not converge', ': timed out', 'bad'],
    cancelled: ['Cancelled', '', 'neutral'],
    failed: ['Failed', '', 'bad'],
    unknown: ['The record ends before the migration does', '', 'neutral'],
  } as const satisfies Record<string, readonly [string, string, VerdictTone]>;
  const [what, how, toneAlone] = words[outcome];
  // An experiment that shows a failure is no failure.
  const foreseen = expect.some(({ path, met }) => met && /(?:^|\.)outcome$/u.test(path));
  const tone = foreseen ? 'neutral' : toneAlone;
  const after = totalNs === null ? [] : [plain(', after '), figure(totalNs, 'ns', 'summary.totalNs')];
  const and = roundsPart(after.length > 0 ? ' and ' : ', after ');
  return {
    about: 'end',
    tone,
    parts: [plain(`${what}${foreseen ? ', as expected' : ''}${how}`), ...after, ...and, plain('.')],
  };
}

function reasonSentence({ outcome, reason }: Summary): VerdictSentence[] {
  if (outcome === 'completed' || reason === '') return [];
  const text = `${reason.charAt(0).toUpperCase()}${reason.slice(1)}${/[.!?…]$/u.test(reason) ? '' : '.'}`;
  return [{ about: 'reason', tone: 'neutral', parts: [{ text, source: { at: 'figure', path: 'summary.reason' } }] }];
}

function blackoutSentence({ outcome, downtimeNs }: Summary, { downtimeLimitNs }: VerdictLimits): VerdictSentence[] {
  const path = 'summary.downtimeNs';
  if (outcome !== 'completed') {
    if (downtimeNs === null) return [];
    const stood = [plain('The guest stood still for '), figure(downtimeNs, 'ns', path), plain('.')];
    return [{ about: 'blackout', tone: 'warning', parts: stood }];
  }
  if (downtimeNs === null) return [{ about: 'blackout', tone: 'neutral', parts: [plain('Blackout not known.')] }];
  const blackout = [plain('Blackout '), figure(downtimeNs, 'ns', path)];
  if (downtimeLimitNs === null) return [{ about: 'blackout', tone: 'good', parts: [...blackout, plain('.')] }];
  const allowed = figure(downtimeLimitNs, 'ns', 'experiment.migration.downtime_limit');
  if (downtimeNs > downtimeLimitNs) {
    const over = [...blackout, plain(', over the '), allowed, plain(' allowed.')];
    return [{ about: 'blackout', tone: 'warning', parts: over }];
  }
  // `5.31 ms of 50 allowed`: one unit is said once.
  const [number, unit] = allowed.text.split(' ');
  const short = blackout[1]!.text.endsWith(` ${unit}`) ? { ...allowed, text: number! } : allowed;
  return [{ about: 'blackout', tone: 'good', parts: [...blackout, plain(' of '), short, plain(' allowed.')] }];
}

function sentSentence({ bytes, pages }: Summary): VerdictSentence[] {
  if (bytes.total === null) return [];
  const parts = [figure(bytes.total, 'bytes', 'summary.bytes.total'), plain(' sent')];
  const factor = timesSent(pages);
  // Once is what everybody expects.
  const times =
    factor === null || factor < 1.05
      ? []
      : [
          plain(' ('),
          { ...figure(factor, 'factor', 'summary.pages.resent'), text: `${Number(factor.toPrecision(2))}×` },
          plain(')'),
        ];
  return [{ about: 'sent', tone: 'neutral', parts: [...parts, ...times, plain('.')] }];
}

/** How often a page with contents crossed the wire, on average; null where it is not known. */
export function timesSent({ normal, resent }: Pick<Summary['pages'], 'normal' | 'resent'>): number | null {
  if (normal === null || resent === null || normal <= resent) return null;
  return normal / (normal - resent);
}

function expectSentence(expect: readonly ExpectResult[]): VerdictSentence[] {
  const missed = expect.filter(({ met }) => !met).length;
  if (missed === 0) return [];
  const text = `${missed} of ${formatPlural(expect.length, 'expectation')}`;
  return [{ about: 'expect', tone: 'bad', parts: [{ text, source: { at: 'expect' } }, plain(' not met.')] }];
}

function unfinished({ row }: VerdictOf): Verdict {
  const kept = `${formatPlural(row.sampleCount, 'sample')} and ${formatPlural(row.eventCount, 'event')} were kept`;
  const say = (tone: VerdictTone, text: string): Verdict => ({
    tone,
    sentences: [{ about: 'end', tone, parts: [plain(text)] }],
  });
  switch (row.status) {
    case 'running':
      return say('neutral', 'Still running.');
    case 'failed':
      return say('bad', `Broken off: ${row.failure ?? 'nobody knows why'}; ${kept}.`);
    case 'interrupted':
    case 'finished':
      return say('warning', `Interrupted: the process that made it is gone; ${kept}.`);
  }
}
