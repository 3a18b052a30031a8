// Runs an experiment given as a plain object, as a file would give it, and keeps everything the sink got.

import { validateExperiment } from '../../../engine/experiment/parse.ts';
import type {
  ExpectResult,
  HeatMap,
  RunEvent,
  RunHead,
  SampleChunk,
  Summary,
} from '../../../engine/experiment/result.ts';
import { createSimulation, type Simulation } from '../../../engine/experiment/simulate.ts';

export interface Run {
  readonly head: RunHead;
  readonly events: RunEvent[];
  readonly chunks: SampleChunk[];
  readonly summary: Summary;
  readonly expect: readonly ExpectResult[];
  readonly hash: string;
  /** The last one. */
  readonly heat: HeatMap | undefined;
  /** All samples of one series. */
  readonly series: (id: string) => number[];
  readonly timesNs: number[];
}

export interface RunOptions {
  readonly slice?: number;
  /** Called between slices. */
  readonly between?: (simulation: Simulation) => void;
}

export function runExperiment(input: object, { slice = 100_000, between }: RunOptions = {}): Run {
  const parsed = validateExperiment({ name: 'test', ...input });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.findings, null, 1));
  let head: RunHead | undefined;
  let end: { summary: Summary; expect: readonly ExpectResult[]; hash: string } | undefined;
  const events: RunEvent[] = [];
  const chunks: SampleChunk[] = [];
  let heat: HeatMap | undefined;
  const simulation = createSimulation(parsed.experiment, {
    head: (value) => (head = value),
    samples: (chunk) => chunks.push(chunk),
    event: (event) => events.push(event),
    heat: (map) => (heat = map),
    finished: (summary, expect, hash) => (end = { summary, expect, hash }),
  });
  while (!simulation.advance(slice)) between?.(simulation);
  if (head === undefined || end === undefined) throw new Error('a finished run has a head and a summary');
  const known = head;
  return {
    head,
    events,
    chunks,
    ...end,
    heat,
    timesNs: chunks.flatMap((chunk) => [...chunk.timesNs]),
    series: (id) => {
      const column = known.series.findIndex((series) => series.id === id);
      if (column < 0) throw new Error(`no series ${id}`);
      return chunks.flatMap((chunk) => [...chunk.columns[column]!]);
    },
  };
}
