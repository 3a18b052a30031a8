// Every example runs through the engine and does what it says: its `expect` holds, and it takes a few seconds at most.
import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { parseExperiment } from '../engine/experiment/parse.ts';
import type { ExpectResult, RunSink, Summary } from '../engine/experiment/result.ts';
import { createSimulation } from '../engine/experiment/simulate.ts';
import { courseOf } from '../main/service/course.ts';

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

/** Runs an example, changed as its comment proposes. */
function run(file: string, change: (text: string) => string = (text) => text, { reckoned = true } = {}): Result {
  const text = change(readFileSync(new URL(file, folder), 'utf8'));
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
  // What the editor tells of the time it will take rests on this: however the example was changed, too.
  const share = courseOf(parsed.experiment).events / simulation.events;
  if (reckoned) {
    expect(share, `${file}: events reckoned beforehand, of those handled`).toBeGreaterThan(0.5);
    expect(share, `${file}: events reckoned beforehand, of those handled`).toBeLessThan(2);
  }
  return result;
}

/** Replaces texts that must be there: pairs of old and new. */
const replacing =
  (...pairs: readonly string[]) =>
  (text: string): string => {
    let changed = text;
    for (let i = 0; i < pairs.length; i += 2) {
      expect(changed).toContain(pairs[i]!);
      changed = changed.replace(pairs[i]!, pairs[i + 1]!);
    }
    return changed;
  };

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

  it.each(files)('%s does what it says', { timeout: 240_000 }, (file) => {
    const { expect: results, summary } = run(file);
    expect(results.filter(({ met }) => !met)).toEqual([]);
    expect(summary.reason).not.toBe('');
  });

  // What a comment proposes to try must show what it says.
  it('clearing without a flush loses pages; with one, none', () => {
    const { summary } = run('08-clearing-without-a-flush.yaml', replacing('flush: never', 'flush: after-clear'));
    expect([summary.outcome, summary.pages.lost]).toEqual(['completed', 0]);
  });
  it('blocks never converge; the same guest with 4 KiB leaves does', () => {
    const pages = replacing('page_sizes: [4KiB, 2MiB, 1GiB]', 'page_sizes: [4KiB]');
    const { summary } = run('09-one-dirty-bit-for-a-gigabyte.yaml', pages);
    expect(summary.outcome).toBe('completed');
    expect(summary.pages.needless).toBeLessThan(10_000);
  });
  it('a sync of hugepages takes a hundredth of the time', () => {
    const file = '07-a-sync-for-every-mapping.yaml';
    const perRound = ({ summary }: Result): number => summary.tracking.harvestNs! / summary.rounds!;
    const huge = run(file, replacing('type: nic', 'type: nic\n    buffers: hugepages'));
    expect(perRound(run(file))).toBeGreaterThan(100 * perRound(huge));
  });
  it('an accelerator that the IOMMU tracks moves in seconds', () => {
    const tracked = replacing('format: x86-64', 'format: amd-v1', 'devices: everything', 'devices: auto');
    const { summary } = run('20-nobody-tracks-the-accelerator.yaml', tracked);
    expect(summary.outcome).toBe('completed');
    expect(summary.totalNs).toBeLessThan(5e9);
  });
  it('a device whose state goes over in the blackout never completes', () => {
    const stopCopy = replacing(
      'migration: { state: 64MiB, initial: 2GiB, dirty_rate: 32MiB/s,',
      'migration: { precopy: false, state: 2112MiB,',
      'timeout: 20s',
      'timeout: 5s',
    );
    expect(run('19-a-device-with-much-state.yaml', stopCopy).summary.outcome).toBe('timed-out');
  });

  it('a change of the memory map that is compared first loses nothing', () => {
    const compared = replacing('update: as-is', 'update: compared');
    const { summary } = run('16-a-change-that-is-no-change.yaml', compared);
    expect([summary.outcome, summary.pages.lost]).toEqual(['completed', 0]);
  });
  it('the log that begins all ones hides the loss and sends gigabytes again', () => {
    const file = '16-a-change-that-is-no-change.yaml';
    const { summary } = run(file, replacing('vcpus: dirty-log-legacy', 'vcpus: dirty-log'));
    expect(summary.pages.lost).toBe(0);
    expect(summary.bytes.total! - run(file).summary.bytes.total!).toBeGreaterThan(3 * 2 ** 30);
  });
  it('splitting level by level sends the same in the end', () => {
    const file = '10-splitting-when-tracking-starts.yaml';
    const { summary } = run(file, replacing('order: sub-table-first', 'order: recursive'));
    expect(summary.bytes.total).toBe(run(file).summary.bytes.total);
  });
  it('a block that nobody writes may stay whole', () => {
    const early = replacing('fail_at: 4500', 'fail_at: 100');
    // Which block stays whole decides; the reckoning takes it to be one that is written.
    const { summary } = run('11-no-memory-for-a-page-table.yaml', early, { reckoned: false });
    expect([summary.outcome, summary.pages.lost]).toEqual(['completed', 0]);
  });
  it('a cache of differences that is too small helps nothing', () => {
    const small = replacing('cache: 1GiB', 'cache: 64MiB', 'timeout: 60s', 'timeout: 30s');
    expect(run('25-sending-differences.yaml', small).summary.outcome).toBe('timed-out');
  });
  it('leaves reported whole lose nothing', () => {
    const whole = replacing('contiguous_last_page: true', 'contiguous_last_page: false');
    expect(run('12-the-last-page-of-a-repeated-leaf.yaml', whole).summary.pages.lost).toBe(0);
  });
  it('a mixed container that counts everything as dirty loses nothing and never converges', () => {
    const counted = replacing(
      'mixed_container_skips: true',
      'mixed_container_skips: false',
      'timeout: 20s',
      'timeout: 8s',
    );
    const { summary } = run('22-two-devices-one-tracked.yaml', counted);
    expect([summary.outcome, summary.pages.lost]).toEqual(['timed-out', 0]);
  });

  it('the first one gives the same hash twice', () => {
    expect(run(files[0]!).hash).toBe(run(files[0]!).hash);
  });
});
