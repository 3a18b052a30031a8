import { describe, expect, it } from 'vitest';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseExperiment } from '../../../engine/experiment/parse.ts';
import { sketchOf } from '../../../renderer/views/experiments/sketch.ts';
import { TEMPLATES } from '../../../renderer/views/experiments/templates.ts';
import { expectationsOf } from '../../../renderer/views/experiments/verdictWords.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'examples');

/** As `experiments.check` gives it: JSON, `full` for a rate without bound. */
function resolved(text: string, fileName: string): unknown {
  const parsed = parseExperiment(text, { fileName });
  if (!parsed.ok)
    throw new Error(parsed.problems.map(({ line, message }) => `${fileName}:${line} ${message}`).join('\n'));
  return JSON.parse(JSON.stringify(parsed.experiment, (_key, item: unknown) => (item === Infinity ? 'full' : item)));
}
const guest = (rate: string, more = ''): string => `name: t
guest: { memory: 1GiB, vcpus: 1, workloads: [{ name: w, pattern: uniform, rate: ${rate}, region: { size: 512MiB } }] }
migration: { start: 1s, bandwidth: 0, link: 1Gbit/s, downtime_limit: 300ms, timeout: 40s${more} }
`;

describe('a sketch of the result', () => {
  it('ends with a blackout where memory is sent faster than it is dirtied', () => {
    const sketch = sketchOf(resolved(guest('2000 pages/s'), 'a.yaml'))!;
    expect(sketch.startNs).toBe(1e9);
    expect(sketch.stopNs).toBeGreaterThan(1e9);
    expect(sketch.resumeNs).toBeGreaterThan(sketch.stopNs!);
    expect(sketch.endNs).toBeGreaterThan(sketch.resumeNs!);
  });
  it('has none where it is dirtied faster, up to the timeout', () => {
    const sketch = sketchOf(resolved(guest('full'), 'a.yaml'))!;
    expect(sketch.stopNs).toBeNull();
    expect(sketch.endNs / 1e9).toBeCloseTo(41, 0);
  });
  it('falls where auto-converge throttles, until it fits', () => {
    const sketch = sketchOf(resolved(guest('60000 pages/s', ', auto_converge: true'), 'a.yaml'))!;
    const before = sketch.peaks[0]!;
    const at = Math.floor((sketch.stopNs! / sketch.endNs) * sketch.peaks.length) - 1;
    expect(sketch.peaks[at]).toBeLessThan(before / 2);
  });
  it('stops early for post-copy', () => {
    const sketch = sketchOf(resolved(guest('full', ', postcopy: { after: 2s }'), 'a.yaml'))!;
    expect(sketch.stopNs! / 1e9).toBeCloseTo(3, 1);
  });
  it('is not made from something else', () => {
    for (const other of [null, 'x', {}, { guest: null }, []]) expect(sketchOf(other)).toBeNull();
  });
  it.each(readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml')))('can be made of %s', (name) => {
    const sketch = sketchOf(resolved(readFileSync(join(EXAMPLES, name), 'utf8'), name))!;
    expect(sketch.peaks).toHaveLength(64);
    expect(Math.max(...sketch.peaks.map((peak) => peak ?? 0))).toBeGreaterThan(0);
    const outcome = /^ {2}outcome: (\S+)/mu.exec(readFileSync(join(EXAMPLES, name), 'utf8'))?.[1];
    expect(sketch.stopNs === null ? 'timed-out' : 'completed').toBe(outcome);
    expect(sketch.peaks.every((peak) => peak !== null && Number.isFinite(peak) && peak >= 0)).toBe(true);
  });
});

it.each(TEMPLATES)('the template $id is an experiment', ({ text, id }) => {
  expect(() => resolved(text, id)).not.toThrow();
});

describe('what a card promises', () => {
  it('says losses first, in words', () => {
    expect(
      expectationsOf([
        { path: 'downtime', expected: '<= 60ms' },
        { path: 'outcome', expected: 'completed' },
        { path: 'lost', expected: 'more than 1000' },
      ]),
    ).toEqual([
      { tone: 'lost', text: 'loses more than 1,000 pages' },
      { tone: 'good', text: 'completes' },
      { tone: 'neutral', text: 'downtime ≤ 60 ms' },
    ]);
  });
  it('says that nothing is lost, and that it never converges', () => {
    expect(
      expectationsOf([
        { path: 'outcome', expected: 'timed-out' },
        { path: 'lost', expected: '0' },
        { path: 'rounds', expected: '3 .. 20' },
      ]).map(({ text }) => text),
    ).toEqual(['no page lost', 'never converges', 'rounds 3 to 20']);
  });
});
