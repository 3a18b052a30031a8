// Every example runs through the engine and does what it says: its `expect` holds, and it takes a few seconds at most.
import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { parseExperiment } from '../engine/experiment/parse.ts';
import type { ExpectResult, RunSink, Summary } from '../engine/experiment/result.ts';
import { createSimulation } from '../engine/experiment/simulate.ts';

const folder = new URL('../examples/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const GROUPS = [
  'First steps',
  'vIOMMU and unmaps',
  'Page tables and splitting',
  'CPU tracking',
  'Memory map',
  'Devices',
  'Large guests',
];
const wallMs = new Map<string, number>();

interface Result {
  readonly summary: Summary;
  readonly expect: readonly ExpectResult[];
  readonly hash: string;
}

function run(file: string): Result {
  const text = readFileSync(new URL(file, folder), 'utf8');
  const parsed = parseExperiment(text, { fileName: file });
  if (!parsed.ok)
    throw new Error(parsed.problems.map((p) => `${p.line}:${p.column} ${p.path}: ${p.message}`).join('\n'));
  let result: Result | undefined;
  const sink: RunSink = {
    head: () => undefined,
    samples: () => undefined,
    event: () => undefined,
    finished: (summary, results, hash) => {
      result = { summary, expect: results, hash };
    },
  };
  const simulation = createSimulation(parsed.experiment, sink);
  const start = performance.now();
  while (!simulation.advance(100_000));
  wallMs.set(file, performance.now() - start);
  if (result === undefined) throw new Error('the run ended without a summary');
  return result;
}

describe('examples', () => {
  afterAll(() => {
    const rows = [...wallMs].map(([file, ms]) => `${ms.toFixed(0).padStart(7)} ms  ${file}`);
    console.log(['Examples, wall time of the simulation:', ...rows].join('\n'));
  });

  it('are at least eight, numbered, and each says what it shows', () => {
    expect(files.length).toBeGreaterThanOrEqual(8);
    for (const [i, file] of [...files].sort((a, b) => (a < b ? -1 : 1)).entries()) {
      expect(file).toMatch(new RegExp(`^${String(i + 1).padStart(2, '0')}-[a-z0-9-]+\\.yaml$`));
      const text = readFileSync(new URL(file, folder), 'utf8');
      expect(text).toMatch(/^# .{20,}\n/);
      const parsed = parseExperiment(text, { fileName: file });
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
      const { experiment } = parsed;
      expect(GROUPS).toContain(experiment.tags[0]);
      expect(experiment.question).toMatch(/\?$/);
      expect(Object.values(experiment.expect).filter((each) => each !== undefined).length).toBeGreaterThanOrEqual(2);
    }
  });

  it.each(files)('%s does what it says', (file) => {
    const { expect: results, summary } = run(file);
    expect(results.filter(({ met }) => !met)).toEqual([]);
    expect(summary.reason).not.toBe('');
    // Generous: a busy machine is slower, an example that takes a minute is wrong.
    expect(wallMs.get(file)!).toBeLessThan(30_000);
  });

  it('the first one gives the same hash twice', () => {
    expect(run(files[0]!).hash).toBe(run(files[0]!).hash);
  });
});
