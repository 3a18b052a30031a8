// Expectations: what an experiment says must hold for its result, and whether it does.
//
// A condition is a value (`0`, `completed`), a comparison (`<= 300ms`, `> 0`), or a range (`10 .. 20`), in the metric's
// unit. YAML reads a plain `> 0` as a folded text, so it has to stand in quotes; `more than 0`, `at least`, `at most`,
// `less than` need none. A figure that the producer of a run cannot know (null) meets no expectation.

import { distance } from 'fastest-levenshtein';
import {
  UnitError,
  formatDuration,
  formatPercentage,
  formatSize,
  parseDuration,
  parsePages,
  parsePercentage,
  parseSize,
} from '../core/units.ts';
import type { ExpectResult, Outcome, Summary } from './result.ts';

export type MetricUnit = 'pages' | 'bytes' | 'ns' | 'count' | 'share' | 'percent' | 'outcome';

interface Metric {
  readonly title: string;
  readonly description: string;
  readonly unit: MetricUnit;
  readonly example: string;
  readonly read: (summary: Summary) => number | Outcome | null;
}

const metric = (
  title: string,
  unit: MetricUnit,
  example: string,
  description: string,
  read: Metric['read'],
): Metric => ({ title, unit, example, description, read });

export const METRICS = {
  outcome: metric(
    'outcome',
    'outcome',
    'completed',
    'How the migration ended: completed, timed-out, cancelled or failed.',
    (s) => s.outcome,
  ),
  lost: metric(
    'pages lost',
    'pages',
    '0',
    'Pages whose last contents never reached the destination.',
    (s) => s.pages.lost,
  ),
  needless: metric(
    'sent needlessly',
    'pages',
    '<= 1000',
    'Pages sent though the destination had them.',
    (s) => s.pages.needless,
  ),
  resent: metric(
    'sent again',
    'pages',
    '<= 50000',
    'Page transmissions beyond the first of each page.',
    (s) => s.pages.resent,
  ),
  pages: metric(
    'pages sent',
    'pages',
    '<= 100000',
    'All page transmissions, zero pages included.',
    (s) => s.pages.total,
  ),
  zero_pages: metric('zero pages sent', 'pages', '>= 1000', 'Transmissions of zero pages.', (s) => s.pages.zero),
  total: metric('total time', 'ns', '<= 30s', 'From the start of the migration to its end.', (s) => s.totalNs),
  downtime: metric(
    'downtime',
    'ns',
    '<= 300ms',
    'How long the guest stood still at the switchover.',
    (s) => s.downtimeNs,
  ),
  setup: metric('setup time', 'ns', '<= 10ms', 'From the command to the first page.', (s) => s.setupNs),
  guest_stall: metric(
    'guest stall',
    'ns',
    '<= 50ms',
    'Time vCPUs could not run before the blackout.',
    (s) => s.guestStallNs,
  ),
  harvest: metric('harvest time', 'ns', '<= 100ms', 'Time spent in dirty syncs.', (s) => s.tracking.harvestNs),
  rounds: metric('rounds', 'count', '<= 20', 'Dirty syncs, as QEMU counts them.', (s) => s.rounds),
  bytes: metric('bytes sent', 'bytes', '<= 20GiB', 'Everything on the wire.', (s) => s.bytes.total),
  device_bytes: metric('device state', 'bytes', '<= 10MiB', 'Bytes of device state.', (s) => s.bytes.device),
  guest_speed: metric(
    'guest speed',
    'share',
    '>= 90%',
    'Guest writes made over writes asked for.',
    (s) => s.guestSpeed,
  ),
  throttle: metric('throttle', 'percent', '<= 50%', 'The strongest throttling.', (s) => s.throttleMaxPercent),
  iotlb_flushes: metric(
    'IOTLB flushes',
    'count',
    '<= 1000',
    'Invalidations of the IOTLB for tracking.',
    (s) => s.tracking.iotlbFlushes,
  ),
  entries_touched: metric(
    'entries touched',
    'count',
    '<= 1000000',
    'Page-table entries read or cleared.',
    (s) => s.tracking.entriesTouched,
  ),
  faults: metric(
    'faults',
    'count',
    '<= 1000000',
    'Faults and exits that tracking cost the guest.',
    (s) => s.tracking.faults,
  ),
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];

export type Comparison = '=' | '<' | '<=' | '>' | '>=' | '!=';
export interface Expectation {
  /** As written, for messages. */
  readonly text: string;
  /** All must hold. */
  readonly conditions: readonly { readonly comparison: Comparison; readonly value: number | Outcome }[];
}

const OUTCOMES: readonly Outcome[] = ['completed', 'timed-out', 'cancelled', 'failed'];
const WORDS: readonly (readonly [pattern: RegExp, comparison: Comparison])[] = [
  [/^(?:<=|≤|at most\b)/u, '<='],
  [/^(?:>=|≥|at least\b)/u, '>='],
  [/^(?:!=|≠|not\b)/u, '!='],
  [/^(?:<|less than\b|below\b)/u, '<'],
  [/^(?:>|more than\b|above\b)/u, '>'],
  [/^(?:==?|exactly\b)/u, '='],
];

/** Reads one line of `expect`. */
export function readExpectation(name: MetricName, written: string | number): Expectation | { problem: string } {
  const text = String(written).trim();
  const { unit, example } = METRICS[name];
  const value = (operand: string): number | Outcome => readOperand(unit, operand.trim());
  try {
    const range = /^(.+?)\s*\.\.\s*(.+)$/u.exec(text);
    if (range && unit !== 'outcome') {
      const [low, high] = [value(range[1]!), value(range[2]!)];
      if (low > high) return { problem: `the range '${text}' ends before it begins\nFor example: ${example}` };
      return {
        text,
        conditions: [
          { comparison: '>=', value: low },
          { comparison: '<=', value: high },
        ],
      };
    }
    for (const [pattern, comparison] of WORDS) {
      const match = pattern.exec(text);
      if (!match) continue;
      if (unit === 'outcome' && comparison !== '=' && comparison !== '!=') {
        return { problem: `an outcome has no order: '${text}'\nFor example: ${example}` };
      }
      return { text, conditions: [{ comparison, value: value(text.slice(match[0].length)) }] };
    }
    return { text, conditions: [{ comparison: '=', value: value(text) }] };
  } catch (error) {
    if (!(error instanceof UnitError)) throw error;
    return { problem: `${error.message}\nA condition for ${name} is for example: ${example}` };
  }
}

function readOperand(unit: MetricUnit, operand: string): number | Outcome {
  switch (unit) {
    case 'outcome': {
      const found = OUTCOMES.find((outcome) => outcome === operand);
      if (found) return found;
      const near = OUTCOMES.find((outcome) => distance(outcome, operand) <= 3);
      const hint = near ? `; did you mean ${near}?` : '';
      throw new UnitError(`'${operand}' is not an outcome: ${OUTCOMES.join(', ')}${hint}`);
    }
    case 'pages':
      return /^\d{1,15}$/.test(operand) ? Number(operand) : parsePages(operand);
    case 'count':
      if (!/^\d{1,15}$/.test(operand)) throw new UnitError(`'${operand}' is not a whole number`);
      return Number(operand);
    case 'bytes':
      return parseSize(operand);
    case 'ns':
      return parseDuration(operand);
    case 'share':
      return parsePercentage(operand, 1000);
    case 'percent':
      return parsePercentage(operand) * 100;
  }
}

/** A metric's value for people. */
export function showMetric(unit: MetricUnit, value: number | Outcome | null): string {
  if (value === null) return 'not known';
  if (typeof value === 'string') return value;
  switch (unit) {
    case 'bytes':
      return formatSize(value);
    case 'ns':
      return formatDuration(value);
    case 'share':
      return formatPercentage(value);
    case 'percent':
      return formatPercentage(value / 100);
    case 'pages':
      return `${value} ${value === 1 ? 'page' : 'pages'}`;
    case 'count':
    case 'outcome':
      return String(value);
  }
}

function holds(actual: number | Outcome | null, comparison: Comparison, value: number | Outcome): boolean {
  if (actual === null) return false;
  switch (comparison) {
    case '=':
      return actual === value;
    case '!=':
      return actual !== value;
    case '<':
      return actual < value;
    case '<=':
      return actual <= value;
    case '>':
      return actual > value;
    case '>=':
      return actual >= value;
  }
}

export type Expectations = Readonly<Partial<Record<MetricName, Expectation | undefined>>>;

/** The verdict of each line of `expect`, in the order of the metrics' table. */
export function evaluateExpectations(expectations: Expectations, summary: Summary): ExpectResult[] {
  const results: ExpectResult[] = [];
  for (const name of METRIC_NAMES) {
    const expectation = expectations[name];
    if (!expectation) continue;
    const { unit, read } = METRICS[name];
    const actual = read(summary);
    results.push({
      path: `expect.${name}`,
      expected: expectation.text,
      actual: showMetric(unit, actual),
      met: expectation.conditions.every(({ comparison, value }) => holds(actual, comparison, value)),
    });
  }
  return results;
}
