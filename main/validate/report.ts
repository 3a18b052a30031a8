// The validation as a person reads it (a table and figures, as text for a terminal or as Markdown) and as machines do.

import { errorsOf, type Case, type Spread, type Verdict } from './errors.ts';

const OUTCOME_WORDS = {
  converged: 'converges',
  'converged-throttled': 'converges by throttling',
  'cancelled-not-converging': 'never',
} as const;

const whole = (value: number | null): string => (value === null ? '–' : value.toFixed(0));
const one = (value: number | null): string => (value === null ? '–' : value.toFixed(1));
const percent = (value: number | null): string => (value === null ? '–' : `${(value * 100).toFixed(1)} %`);

const HEAD = [
  'configuration',
  'outcome',
  'total ms',
  'error',
  'spread',
  'downtime ms',
  'MB',
  'error',
  'rounds',
] as const;

/** Rows of the table: predicted / measured in each cell. */
function rowOf(entry: Case): string[] {
  const { name, predicted, measured, calibration } = entry;
  const errors = errorsOf(entry);
  const pair = (show: (value: number | null) => string, value: number | null, truth: number | null): string =>
    measured === null ? show(value) : `${show(value)} / ${show(truth)}`;
  let outcome: string = OUTCOME_WORDS[predicted.outcome];
  if (measured !== null && measured.outcome === null) outcome += ' (repeats disagree)';
  else if (errors?.outcomeRight === false) outcome += ` – wrong: ${OUTCOME_WORDS[measured!.outcome!]}`;
  return [
    calibration ? `${name} (calibration)` : name,
    outcome,
    pair(whole, predicted.totalMs, measured?.totalMs ?? null),
    percent(errors?.total ?? null),
    percent(measured?.totalSpread ?? null),
    pair(one, predicted.downtimeMs, measured?.downtimeMs ?? null),
    pair(one, predicted.bytes / 1e6, measured === null ? null : measured.bytes / 1e6),
    percent(errors?.bytes ?? null),
    pair(whole, predicted.rounds, measured?.rounds ?? null),
  ];
}

const figure = (spread: Spread | null, show: (value: number) => string): string =>
  spread === null ? 'nothing to compare' : `median ${show(spread.median)}, 90th percentile ${show(spread.p90)}`;

export function figuresOf(verdict: Verdict): string[] {
  const { judged, outcomesWrong, total, bytes, rounds, downtimeMs, noise } = verdict;
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const part = (value: number): string => percent(value);
  const plain = (value: number): string => value.toFixed(1);
  if (judged === 0) return ['nothing to judge: no file holds a measurement that the host profile was not taken from'];
  const wrong = outcomesWrong.length === 0 ? 'all right' : `${outcomesWrong.length} wrong: ${outcomesWrong.join(', ')}`;
  return [
    `outcome   ${judged} judged, ${wrong}`,
    `total     ${figure(total, part)} (goal 4 % and 20 %)`,
    `bytes     ${figure(bytes, part)} (goal 1 % and 6 %)`,
    `rounds    ${figure(rounds, plain)} (goal: median at most 1)`,
    `downtime  ${figure(downtimeMs, ms)} (goal 5 ms and 40 ms)`,
    ...(noise === null
      ? []
      : [`noise     repeats of one measurement lie apart in total time by ${figure(noise, part)}`]),
  ];
}

export function textReport(cases: readonly Case[], verdict: Verdict): string {
  const rows = [[...HEAD], ...cases.map(rowOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  '),
  );
  return [
    ...lines,
    '',
    'predicted / measured; error of prediction against the median of the repeats, which',
    'lie apart by the spread',
    '',
    ...figuresOf(verdict),
  ].join('\n');
}

export function markdownTable(cases: readonly Case[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(HEAD),
    line(HEAD.map((_, i) => (i < 2 ? '---' : '--:'))),
    ...cases.map((entry) => line(rowOf(entry))),
  ].join('\n');
}

/** What a machine reads: one object a case. */
export function jsonReport(cases: readonly Case[]): unknown {
  return cases.map(({ name, predicted, measured }) => ({
    name,
    predicted: plainOf(predicted),
    measured: measured === null ? null : plainOf(measured),
  }));
}

function plainOf(numbers: {
  readonly outcome: string | null;
  readonly totalMs: number | null;
  readonly downtimeMs: number | null;
  readonly bytes: number;
  readonly rounds: number;
}): Record<string, string | number | null> {
  return {
    outcome: numbers.outcome ?? 'mixed',
    total_ms: numbers.totalMs,
    downtime_ms: numbers.downtimeMs,
    bytes: numbers.bytes,
    rounds: numbers.rounds,
  };
}
