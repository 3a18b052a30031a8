// A run that somebody else recorded: complete in memory before the first byte of it goes anywhere, so that a file that is
// wrong somewhere leaves no trace.

import type { Known, Outcome, RunEvent, RunSink } from '../../engine/experiment/result.ts';
import { isFinal, NO_FIGURES, type Figures } from '../qemu/figures.ts';
import {
  chunkOf,
  HashingSink,
  knownSeries,
  mostOf,
  NO_OBSERVATION,
  SentRates,
  summaryOf,
  type Ending,
  type Observation,
} from '../qemu/observed.ts';

export type ImportFormat = 'qmp-log' | 'guestperf' | 'domjobinfo' | 'measured';

export interface ImportedRun {
  /** For a list of runs. */
  readonly name: string;
  readonly format: ImportFormat;
  /** What the file says of guest, host and migration, as `migration.downtime_limit_ms` … in the file's own terms. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly observations: readonly Observation[];
  readonly events: readonly RunEvent[];
  readonly ending: Ending;
}

/** As stored by whoever imports: the number of the format's reader. */
const READER = 'import 1';
const CHUNK_ROWS = 4096;
export const FORMAT_NAMES: Readonly<Record<ImportFormat, string>> = {
  'qmp-log': 'QMP log',
  guestperf: 'guestperf report',
  domjobinfo: 'libvirt job info',
  measured: 'measured migration',
};

export function playImportedRun(run: ImportedRun, fileName: string, sink: RunSink): void {
  const hashing = new HashingSink(sink);
  const { observations } = run;
  const series = knownSeries('guest', observations);
  hashing.head({
    source: { kind: 'import', text: `${FORMAT_NAMES[run.format]} ${fileName}` },
    engineVersion: READER,
    seed: 0,
    samplingNs: medianGapNs(observations),
    series: series.map(({ info }) => info),
  });
  for (let first = 0; first < observations.length; first += CHUNK_ROWS)
    hashing.samples(chunkOf(series, observations.slice(first, first + CHUNK_ROWS), first));
  for (const event of run.events) hashing.event(event);
  hashing.finished(summaryOf(run.ending), []);
}

export interface Snapshot {
  readonly timeNs: number;
  readonly figures: Figures;
}

/** Snapshots in order of time, one a moment (the last one wins), with rates from their totals. */
export function observe(snapshots: readonly Snapshot[]): Observation[] {
  const rates = new SentRates();
  return snapshots
    .filter(({ timeNs }, i) => i === snapshots.length - 1 || snapshots[i + 1]!.timeNs > timeNs)
    .map(({ timeNs, figures }) => ({ ...NO_OBSERVATION, timeNs, figures, ...rates.next(timeNs, figures) }));
}

export interface EndingFacts {
  readonly startNs: number;
  readonly endNs: number;
  /** What the record says of its end where QEMU's last status does not. */
  readonly outcome?: Outcome;
  readonly reason?: string;
  readonly parts?: Partial<Pick<Ending, 'harvestNs' | 'guestSpeed' | 'roundedBytes'>>;
}

/** How the migration ended, as far as its snapshots tell. */
export function endingOf(snapshots: readonly Snapshot[], facts: EndingFacts): Ending {
  const last = snapshots.at(-1)?.figures ?? NO_FIGURES;
  const lastCounting = snapshots.findLast(({ figures }) => figures.sentBytes !== null)?.figures ?? last;
  const outcome = facts.outcome ?? outcomeOf(last.status);
  const throttles: Known[] = snapshots.map(({ figures }) => figures.throttlePercent);
  return {
    outcome,
    reason: facts.reason ?? reasonOf(outcome, last),
    startNs: facts.startNs,
    endNs: facts.endNs,
    last: { ...last, elapsedNs: last.elapsedNs ?? lastCounting.elapsedNs },
    lastCounting,
    throttleMaxPercent: mostOf(throttles),
    ...facts.parts,
  };
}

function outcomeOf(status: string): Outcome {
  if (status === 'completed' || status === 'failed' || status === 'cancelled') return status;
  return 'unknown';
}

function reasonOf(outcome: Outcome, last: Figures): string {
  if (last.errorText !== null) return last.errorText;
  if (outcome === 'unknown')
    return last.status === ''
      ? 'The record does not say how the migration ended.'
      : `The record ends while the migration is ${last.status}.`;
  return `Recorded as ${outcome}.`;
}

/** Dirty syncs seen as steps of the counter, and changes of throttling: for records that list no events themselves. */
export function stepsOf(snapshots: readonly Snapshot[]): RunEvent[] {
  const events: RunEvent[] = [];
  let syncs = 0;
  let percent = 0;
  for (const { timeNs, figures } of snapshots) {
    if (figures.syncs !== null && figures.syncs > syncs) {
      syncs = figures.syncs;
      const text = `dirty sync ${syncs} was over by then`;
      events.push({ timeNs, durationNs: 0, kind: 'round', text, detail: { round: syncs } });
    }
    const throttle = figures.throttlePercent;
    if (throttle !== null && throttle !== percent && !isFinal(figures.status)) {
      percent = throttle;
      const text = `vCPUs throttled by ${percent} %`;
      events.push({ timeNs, durationNs: 0, kind: 'throttle', text, detail: { percent } });
    }
  }
  return events;
}

function medianGapNs(observations: readonly Observation[]): number {
  const gaps = observations.slice(1).map(({ timeNs }, i) => timeNs - observations[i]!.timeNs);
  if (gaps.length === 0) return 1e9;
  return gaps.sort((a, b) => a - b)[gaps.length >> 1]!;
}

/** What stands in the place of an experiment: where the run comes from, and what the file says of the set-up. */
export function settingsText(run: ImportedRun, file: string): string {
  const head = `# imported from ${JSON.stringify(file)}: ${FORMAT_NAMES[run.format]}; not an experiment that can be run`;
  const settings = Object.entries(run.settings).map(
    ([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );
  return `${[head, ...settings].join('\n')}\n`;
}
