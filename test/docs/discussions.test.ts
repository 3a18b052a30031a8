// docs/discussions.md quotes what the lab says: every figure it leans on is measured again here.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../../engine/experiment/parse.ts';
import type { RunEvent, Summary } from '../../engine/experiment/result.ts';
import { createSimulation } from '../../engine/experiment/simulate.ts';
import { parseScripts } from '../../engine/uapi/parse.ts';
import { mismatchLine } from '../../engine/uapi/report.ts';
import { runScript, type StepResult } from '../../engine/uapi/run.ts';
import { TYPE1_RULES, type Type1Rules } from '../../engine/vfio/type1-rules.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const document = read('docs/discussions.md').replace(/\s+/g, ' ');
const grouped = (value: number): string => value.toLocaleString('en');

function run(
  file: string,
  [from, to]: readonly [from: string, to: string] = ['', ''],
): { summary: Summary; events: RunEvent[]; writesPerSecond: number } {
  // Examples are numbered for the gallery; their names stay.
  const name = readdirSync(new URL('examples/', ROOT)).find((entry) => entry.endsWith(`-${file}.yaml`))!;
  expect(document).toContain(name);
  const text = read(`examples/${name}`);
  expect(text).toContain(from);
  const parsed = parseExperiment(text.replace(from, to), { fileName: file });
  if (!parsed.ok) throw new Error(parsed.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  let summary: Summary | undefined;
  const events: RunEvent[] = [];
  let writes = -1;
  const rates: number[] = [];
  const simulation = createSimulation(parsed.experiment, {
    head: ({ series }) => {
      writes = series.findIndex(({ id }) => id.startsWith('writes.device.'));
    },
    samples: ({ columns }) => {
      if (writes >= 0) rates.push(...columns[writes]!);
    },
    event: (event) => events.push(event),
    finished: (made) => {
      summary = made;
    },
  });
  while (!simulation.advance(100_000));
  const writesPerSecond = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return { summary: summary!, events, writesPerSecond };
}

describe('experiments of the discussions', () => {
  it.each(['unmapping-without-a-question', 'clearing-without-a-flush', 'a-change-that-is-no-change'])(
    '%s loses as many pages as the document says, all by name',
    (file) => {
      const { summary } = run(file);
      const lost = summary.pages.lost!;
      expect(lost).toBeGreaterThan(0);
      expect(document).toContain(`${grouped(lost)} pages are lost`);
      expect(summary.losses.every(({ eventIndex }) => eventIndex >= 0)).toBe(true);
    },
  );

  it('asking before unmapping, and comparing the maps, lose nothing', () => {
    expect(run('nic-behind-a-strict-viommu').summary.pages.lost).toBe(0);
    const compared = ['update: as-is', 'update: compared'] as const;
    expect(run('a-change-that-is-no-change', compared).summary.pages.lost).toBe(0);
  });

  it('type1: calls, pages a second and shifted bytes are those of the document, under each rule', () => {
    const file = 'one-unmap-for-many-mappings';
    const bitmaps = ({ events }: ReturnType<typeof run>): Record<string, number> =>
      events.find(({ detail }) => 'copiedBytes' in detail)!.detail as Record<string, number>;
    const rate = (run: { writesPerSecond: number }): string => grouped(Math.round(run.writesPerSecond));
    const whole = run(file);
    const single = run(file, ['whole-mappings', 'one-mapping']);
    expect(document).toContain(`${grouped(bitmaps(whole)['calls']!)} calls bring the bitmaps`);
    expect(document).toContain(`${grouped(bitmaps(single)['calls']!)} calls are made`);
    expect(document).toContain(`serves ${rate(single)} pages/s instead of ${rate(whole)}`);
    expect(single.events.filter(({ kind }) => kind === 'error').map(({ detail }) => detail['errno'])).toEqual([
      'EINVAL',
    ]);
    const aligned = bitmaps(run(file, ['whole-mappings', 'whole-mappings, bitmap: aligned']));
    expect(bitmaps(whole)['kernelShiftedBytes']! / 1e6).toBeCloseTo(1.6, 1);
    expect(aligned['kernelShiftedBytes']).toBe(0);
    expect(aligned['copiedBytes']! / 1e6).toBeCloseTo(1.7, 1);
    expect(aligned['shiftedBytes']! / aligned['copiedBytes']!).toBeCloseTo(0.75, 1);
  });

  it('a sync over guest mappings takes what the document says, with and without room in the emulated IOTLB', () => {
    const ms = (ns: number): string => `${Math.round(ns / 1e6)} ms`;
    const finalSync = ({ downtimeParts }: Summary): number =>
      downtimeParts.find(({ name }) => name === 'final sync')!.durationNs;
    const { summary } = run('a-sync-for-every-mapping');
    expect(document).toContain(`${ms(summary.tracking.harvestNs!)} of harvests in four rounds`);
    expect(document).toContain(`of which ${ms(finalSync(summary))} fall into the blackout`);
    expect(summary.rounds).toBe(4);
    const large = run('a-sync-for-every-mapping', ['viommu: {', 'viommu: { iotlb: 262144,']);
    expect(document).toContain(`saves the walks of the guest's table: ${ms(finalSync(large.summary))} in the blackout`);
  });

  it('a second container pins nothing by COPY, and all of guest RAM by MAP, as long as the document says', () => {
    const plugged = (to: string): RunEvent =>
      run('pinned-once-or-for-each-container', ['{ pins: copy', `{ ${to}`]).events.find(({ text }) =>
        /device_add|refused/.test(text),
      )!;
    const [copied, mapped] = [plugged('pins: copy'), plugged('pins: map')];
    expect(document).toContain(`${grouped(Number(copied.detail['pinnedPages']))} pages stay pinned`);
    const more = Number(mapped.detail['pinnedPages']) - Number(copied.detail['pinnedPages']);
    expect(document).toContain(`pins ${grouped(more)} more in ${Math.round(mapped.durationNs / 1e6)} ms`);
    expect(copied.durationNs).toBeLessThan(1e4);
    expect(
      run('pinned-once-or-for-each-container', ['pins: copy, memlock: 8GiB', 'pins: map, memlock: 3GiB']).events,
    ).toContainEqual(expect.objectContaining({ detail: { errno: 'ENOMEM' } }));
  });

  it('split at the start, the guest with gigabyte blocks converges; each order makes its own number of exchanges', () => {
    const split = (how: string) => run('one-dirty-bit-for-a-gigabyte', ['iommu: {', `iommu: { split: {${how}},`]);
    expect(run('one-dirty-bit-for-a-gigabyte').summary.outcome).toBe('timed-out');
    for (const [order, exchanges] of [
      ['sub-table-first', 16],
      ['recursive', 8208],
    ] as const) {
      const { summary, events } = split(`when: at-start, order: ${order}`);
      expect(summary).toMatchObject({ outcome: 'completed', pages: { lost: 0 } });
      const event = events.find(({ kind }) => kind === 'split')!;
      expect(event.text).toContain(`${exchanges} exchanges`);
      expect(document).toContain(grouped(exchanges));
    }
    const starved = split('when: at-start, fail_at: 6000');
    expect(starved.summary.pages.lost).toBe(0);
    expect(starved.events.find(({ kind }) => kind === 'split')!.detail['kept']).toBe(1);
  });
});

describe('scripts of the discussions', () => {
  const folder = new URL('examples/scripts/', ROOT);
  const files = readdirSync(folder).map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }));
  const { scripts, problems } = parseScripts(files);
  const resultsOf = (name: string, type1Rules?: Type1Rules): StepResult[] => {
    const results: StepResult[] = [];
    const script = scripts.find((candidate) => candidate.name === name)!;
    runScript(script, (result) => results.push(result), type1Rules === undefined ? {} : { type1Rules });
    return results;
  };
  const mismatchesOf = (name: string, rules?: Type1Rules): string[] =>
    resultsOf(name, rules)
      .filter(({ mismatch }) => mismatch !== undefined)
      .map(mismatchLine);

  it('are well formed', () => {
    expect(problems).toEqual([]);
  });

  it.each(scripts.map(({ name }) => name))('%s holds under the rules as merged', (name) => {
    expect(mismatchesOf(name)).toEqual([]);
  });

  it('one unmap over two mappings is EINVAL where the rule is one mapping', () => {
    expect(mismatchesOf('discussion/one-unmap-over-two-mappings', TYPE1_RULES['one-mapping'])).toEqual([
      expect.stringContaining('EINVAL'),
    ]);
  });

  it('bit 0 of an aligned bitmap is the aligned IOVA below', () => {
    expect(mismatchesOf('discussion/bit-zero-is-the-iova-asked-for', TYPE1_RULES['aligned-bitmap'])).toEqual([
      expect.stringContaining('got 3'),
    ]);
  });
});
