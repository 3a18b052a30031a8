// Whether a run may pass: for the CI of a VMM or a driver. Rules: no page lost (the oracle's word, where it was asked), what the
// experiment expects, and against a baseline how much worse each figure may be.
import { METRICS, METRIC_NAMES, showMetric, type MetricName } from '../../engine/experiment/expect.ts';
import { figureOf } from '../../engine/experiment/compare/results.ts';
import { parseDuration, parsePercentage, parseSize, UnitError } from '../../engine/core/units.ts';
import type { Comparison } from '../contract/compare.ts';
import type { StoredRun } from '../store/rows.ts';

export interface Rule {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly message: string;
}

/** How much worse a figure may be: a share of the baseline, or an amount in its unit. */
export interface Allowance {
  readonly metric: MetricName;
  readonly share: number | null;
  readonly amount: number | null;
}

/** What is allowed where nothing else is said. */
export const DEFAULT_ALLOWANCES: readonly string[] = ['downtime=+5%', 'total=+5%', 'bytes=+5%', 'guest_speed=-5%'];

/** `downtime=+5%`, `total=2s`, `rounds=3`, `bytes=any` (null). Throws a UnitError that says what would be right. */
export function readAllowance(text: string): { readonly metric: MetricName; readonly allowance: Allowance | null } {
  const match = /^([a-z_]+)=[+-]?(.+)$/u.exec(text);
  const metric = METRIC_NAMES.find((name) => name === match?.[1] && METRICS[name].unit !== 'outcome');
  if (match === null || metric === undefined) {
    throw new UnitError(
      `'${text}' allows nothing: write a figure and how much worse it may be, for example downtime=+5%`,
    );
  }
  const much = match[2]!;
  if (much === 'any') return { metric, allowance: null };
  if (much.endsWith('%')) return { metric, allowance: { metric, share: parsePercentage(much, 100_000), amount: null } };
  const { unit } = METRICS[metric];
  const amount = unit === 'ns' ? parseDuration(much) : unit === 'bytes' ? parseSize(much) : Number(much);
  if (!Number.isFinite(amount)) throw new UnitError(`'${much}' is no amount of ${METRICS[metric].title}`);
  return { metric, allowance: { metric, share: null, amount } };
}

export function rulesOf(
  run: StoredRun,
  baseline: StoredRun | null,
  comparison: Comparison | null,
  allowances: readonly Allowance[],
): Rule[] {
  const { summary } = run;
  if (summary === null) {
    return [{ name: 'the run has ended', status: 'failed', message: `it is ${run.row.status} and came to nothing` }];
  }
  const { lost } = summary.pages;
  const rules: Rule[] = [
    {
      name: 'no page lost',
      status: lost === null ? 'skipped' : lost === 0 ? 'passed' : 'failed',
      message: lost === null ? 'whether pages were lost was not checked' : showMetric('pages', lost),
    },
    ...run.expect.map(({ path, expected, actual, met }): Rule => ({
      name: `${path}: ${expected}`,
      status: met ? 'passed' : 'failed',
      message: actual,
    })),
  ];
  if (baseline === null) return rules;
  for (const { runs } of comparison?.mismatches ?? []) {
    rules.push({
      name: 'same experiment, seed and engine give the same result',
      status: 'failed',
      message: `the hashes of ${runs.length} runs differ`,
    });
  }
  if (baseline.summary?.outcome === 'completed') {
    rules.push({
      name: 'completes as the baseline does',
      status: summary.outcome === 'completed' ? 'passed' : 'failed',
      message: summary.outcome,
    });
  }
  for (const { metric, share, amount } of allowances) {
    const { unit, title } = METRICS[metric];
    const before = baseline.summary === null ? null : figureOf(metric, baseline.summary);
    const now = figureOf(metric, summary);
    const allowed = share === null ? showMetric(unit, amount) : `${Number((share * 100).toPrecision(6))}%`;
    const name = `${title} is at most ${allowed} worse than the baseline’s`;
    if (before === null || now === null) {
      rules.push({ name, status: 'skipped', message: 'not known in both runs' });
      continue;
    }
    const better = comparison?.results.find((row) => row.metric === metric)?.better;
    const worse = better === 'more' ? before - now : now - before;
    const most = share === null ? (amount ?? 0) : Math.abs(before) * share;
    rules.push({
      name,
      status: worse <= most ? 'passed' : 'failed',
      message: `${showMetric(unit, before)} → ${showMetric(unit, now)}`,
    });
  }
  return rules;
}
