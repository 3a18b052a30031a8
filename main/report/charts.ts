// Charts of a report: lines of times and values, small enough for one file, with every extreme in them.
//
// Up to FULL samples a line is the samples; beyond, each stretch of the store's pyramid gives its least and its greatest value, at
// its first and its last moment, so that no spike is missing. Times of one run count from the beginning of the run; of several,
// from the start of each migration.
import { aligned, type Anchors } from '../../engine/experiment/compare/alignment.ts';
import { CHARTS, type ChartName } from '../contract/report.ts';
import type { SeriesInfo } from '../../engine/experiment/result.ts';
import type { StoredRun } from '../store/rows.ts';
import type { Store } from '../store/store.ts';

export interface Line {
  readonly label: string;
  /** Position among the sources of the run, or of its group among the groups: its colour and dash. Below 0: of no source. */
  readonly identity: number;
  readonly timesNs: Float64Array;
  /** NaN: not known. */
  readonly values: Float64Array;
  /** Samples behind one pair of points; 1: every sample is here. */
  readonly samplesEach: number;
}

export interface Phases {
  readonly startNs: number;
  readonly stopNs: number | null;
  readonly endNs: number;
}

export interface Chart {
  readonly name: ChartName;
  readonly title: string;
  readonly unit: SeriesInfo['unit'];
  readonly lines: readonly Line[];
  /** Of the one run that it shows. */
  readonly phases: Phases | null;
  /** Times count from the start of each migration. */
  readonly fromStart: boolean;
}

const CHART_TITLES = new Map(CHARTS.map(({ name, title }) => [name, title]));

/** A line has at most so many samples, or twice as many points of an envelope. */
const FULL = 20_000;
const ENVELOPE = 4_000;
/** With many runs each gets its share of the file. */
const POINTS_OF_ALL = 400_000;
const MAX_LINES = 64;

export interface ChartRun {
  readonly store: Store;
  readonly id: number;
  readonly stored: StoredRun;
  readonly anchors: Anchors;
  /** Position and name of its group, in a comparison. */
  readonly group: number;
  readonly label: string;
}

export function chartsOf(runs: readonly ChartRun[], names: readonly ChartName[]): Chart[] {
  return names.flatMap((name) => {
    const chart = runs.length === 1 ? ofOne(runs[0]!, name) : ofMany(runs, name);
    return chart.lines.length === 0 ? [] : [chart];
  });
}

function ofOne(run: ChartRun, name: ChartName): Chart {
  const { series } = run.stored;
  const sources = [...new Set(series.flatMap(({ source }) => (source === undefined ? [] : [source])))];
  const wanted = positionsOf(series, name).slice(0, MAX_LINES);
  const lines = linesOf(run, wanted, POINTS_OF_ALL).map(({ timesNs, values, samplesEach }, i): Line => {
    const info = series[wanted[i]!]!;
    const identity = info.source === undefined ? -1 - i : sources.indexOf(info.source);
    return { label: info.source ?? info.label, identity, timesNs, values, samplesEach };
  });
  const { startNs, stopNs, endNs } = run.anchors;
  const known = lines.filter(({ values }) => values.some((value) => !Number.isNaN(value)));
  return {
    ...{ name, title: CHART_TITLES.get(name) ?? name, unit: unitOf(series, wanted), lines: worthShowing(name, known) },
    ...{ phases: { startNs, stopNs, endNs }, fromStart: false },
  };
}

/** One line a run: of all sources together where a series has several. */
function ofMany(runs: readonly ChartRun[], name: ChartName): Chart {
  const share = POINTS_OF_ALL / runs.length;
  const lines = runs.flatMap((run): Line[] => {
    const wanted = positionsOf(run.stored.series, name).filter((_, i) => name !== 'left' || i === 0);
    const parts = linesOf(run, wanted.slice(0, MAX_LINES), share);
    if (parts.length === 0) return [];
    const { timesNs, samplesEach } = parts[0]!;
    const values = parts.length === 1 ? parts[0]!.values : sumOf(parts.map((part) => part.values));
    const { label, group: identity } = run;
    return [{ label, identity, timesNs: timesNs.map((t) => aligned('start', run.anchors, t)), values, samplesEach }];
  });
  const series = runs.flatMap((run) => run.stored.series);
  const unit = unitOf(series, positionsOf(series, name));
  return {
    ...{ name, title: CHART_TITLES.get(name) ?? name, unit, lines: worthShowing(name, lines) },
    ...{ phases: null, fromStart: true },
  };
}

/** A throttle that was never used is no chart. */
function worthShowing(name: ChartName, lines: readonly Line[]): readonly Line[] {
  if (name !== 'throttle' && name !== 'stall') return lines;
  return lines.some(({ values }) => values.some((value) => value > 0)) ? lines : [];
}

function positionsOf(series: readonly SeriesInfo[], name: ChartName): number[] {
  const is: Readonly<Record<ChartName, (info: SeriesInfo) => boolean>> = {
    dirty: ({ id, kind }) => kind === 'rate' && id.startsWith('dirty.'),
    left: ({ id }) => id === 'left' || id === 'threshold',
    throughput: ({ id }) => id === 'throughput',
    throttle: ({ id }) => id === 'throttle',
    stall: ({ id }) => id === 'stall',
  };
  return series.flatMap((info, position) => (is[name](info) ? [position] : []));
}

const unitOf = (series: readonly SeriesInfo[], wanted: readonly number[]): SeriesInfo['unit'] =>
  series[wanted[0] ?? -1]?.unit ?? 'count';

interface Points {
  readonly timesNs: Float64Array;
  readonly values: Float64Array;
  readonly samplesEach: number;
}

function linesOf({ store, id, stored }: ChartRun, positions: readonly number[], points: number): Points[] {
  const { sampleCount } = stored.row;
  if (positions.length === 0 || sampleCount === 0) return [];
  const most = Math.max(500, Math.floor(points / positions.length));
  const columns = sampleCount <= Math.min(FULL, most) ? sampleCount + 1 : Math.min(ENVELOPE, Math.floor(most / 2));
  const envelope = store.envelope(id, positions, { fromNs: 0, toNs: Number.MAX_SAFE_INTEGER, columns });
  const { samplesEach, fromNs, toNs } = envelope;
  if (samplesEach === 1) {
    return envelope.columns.map(({ least }) => ({ timesNs: fromNs, values: least, samplesEach }));
  }
  const timesNs = new Float64Array(2 * fromNs.length);
  for (let i = 0; i < fromNs.length; i++) {
    timesNs[2 * i] = fromNs[i]!;
    timesNs[2 * i + 1] = toNs[i]!;
  }
  return envelope.columns.map(({ least, greatest }) => {
    const values = new Float64Array(timesNs.length);
    for (let i = 0; i < least.length; i++) {
      values[2 * i] = least[i]!;
      values[2 * i + 1] = greatest[i]!;
    }
    return { timesNs, values, samplesEach };
  });
}

function sumOf(parts: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(parts[0]!.length);
  for (const part of parts) for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + (part[i] ?? 0);
  return sum;
}
