import { describe, expect, it } from 'vitest';
import { VcpuGroup, type VcpuGroupConfig } from '../../../engine/machine/vcpu.ts';
import type { PatternConfig } from '../../../engine/machine/pattern.ts';
import { gpaPageOf, pcLayout, ramPageOf } from '../../../engine/machine/layout.ts';
import { Ram } from '../../../engine/machine/ram.ts';

const MS = 1e6;

/** Counts how often each page was written. */
class Tally {
  readonly counts = new Map<number, number>();
  total = 0;
  writePages(pages: Uint32Array, count: number): void {
    for (let i = 0; i < count; i++) this.#add(pages[i]!);
  }
  writeRun(first: number, count: number): void {
    for (let page = first; page < first + count; page++) this.#add(page);
  }
  takeFaultNs(): number {
    return 0;
  }
  #add(page: number): void {
    this.counts.set(page, (this.counts.get(page) ?? 0) + 1);
    this.total++;
  }
}

const region = { first: 512, pages: 1000 };
function group(pattern: PatternConfig, more: Partial<VcpuGroupConfig> & { rate?: number } = {}): [VcpuGroup, Tally] {
  const tally = new Tally();
  const { rate = 10_000, ...rest } = more;
  const config = {
    name: 'g',
    vcpus: 1,
    phases: [{ pattern, writesPerSecond: rate, forNs: Infinity }],
    catchUpNs: 20 * MS,
    pageWriteNs: 100,
    throttleWakeNs: 0,
    seed: 1,
    reads: null,
    ...rest,
  };
  return [new VcpuGroup(config, tally), tally];
}
const runFor = (g: VcpuGroup, fromMs: number, toMs: number): void => {
  for (let t = fromMs; t <= toMs; t++) g.run(t * MS);
};

describe('a paced vCPU group', () => {
  it('is handed rate / 1000 writes at each tick', () => {
    const [g, tally] = group({ kind: 'sequential', region });
    runFor(g, 0, 1);
    expect(tally.total).toBe(10);
    runFor(g, 2, 1000);
    expect(tally.total).toBe(10_000);
    expect([...tally.counts.values()].every((n) => n === 10)).toBe(true);
  });

  it('makes up for lost time, but for at most catch-up worth', () => {
    const [g, tally] = group({ kind: 'uniform', region });
    runFor(g, 0, 10);
    const before = tally.total;
    g.stall(100 * MS);
    runFor(g, 11, 110);
    expect(tally.total - before).toBeLessThan(10);
    runFor(g, 111, 112);
    // 20 ms of writes at the first tick that runs, and that tick's own are among them.
    expect(tally.total - before).toBe(210);
  });

  it('throttled to p runs 10 ms of every 10 / (1 - p)', () => {
    const [g, tally] = group({ kind: 'uniform', region }, { catchUpNs: 0 });
    g.setThrottle(0, 50);
    runFor(g, 0, 10_000);
    expect(tally.total / 100_000).toBeGreaterThan(0.48);
    expect(tally.total / 100_000).toBeLessThan(0.56);
  });

  it('stopped writes nothing and owes nothing', () => {
    const [g, tally] = group({ kind: 'uniform', region });
    runFor(g, 0, 100);
    g.stop(100 * MS);
    const before = tally.total;
    expect(g.run(500 * MS)).toBe(Infinity);
    g.resume(500 * MS);
    runFor(g, 501, 501);
    expect(tally.total - before).toBe(10);
  });
});

describe('at full speed', () => {
  it('a group writes as fast as its vCPUs can', () => {
    const [g, tally] = group({ kind: 'sequential', region }, { rate: Infinity, vcpus: 2 });
    runFor(g, 0, 100);
    expect(tally.total).toBeGreaterThan(0);
    expect(g.writes).toBe(2 * 100 * 10_000);
  });
});

describe('patterns', () => {
  it('uniform hits every page about alike', () => {
    const [g, tally] = group({ kind: 'uniform', region }, { rate: 100_000 });
    runFor(g, 0, 1000);
    expect(tally.counts.size).toBe(1000);
    const counts = [...tally.counts.values()];
    expect(Math.min(...counts)).toBeGreaterThan(50);
    expect(Math.max(...counts)).toBeLessThan(160);
  });

  it('hotcold gives the hot part exactly its share', () => {
    const [g, tally] = group({ kind: 'hotcold', region, hotPages: 100, hotShare: 0.9 });
    runFor(g, 0, 1000);
    let hot = 0;
    for (const [page, n] of tally.counts) if (page < 612) hot += n;
    expect(hot).toBe(9000);
  });

  it('window moves ahead by its own length and wraps', () => {
    const [g, tally] = group({ kind: 'window', region, windowPages: 400, everyNs: 100 * MS }, { rate: 50_000 });
    runFor(g, 0, 100);
    expect(Math.max(...tally.counts.keys())).toBeLessThan(512 + 400);
    tally.counts.clear();
    runFor(g, 101, 200);
    expect(Math.min(...tally.counts.keys())).toBeGreaterThanOrEqual(512 + 400);
    tally.counts.clear();
    runFor(g, 201, 300);
    expect([...tally.counts.keys()].some((page) => page < 512 + 200)).toBe(true);
    expect([...tally.counts.keys()].some((page) => page >= 512 + 800)).toBe(true);
  });

  it('burst writes while on and is silent while off', () => {
    const [g, tally] = group({ kind: 'burst', region, onNs: 100 * MS, offNs: 100 * MS });
    runFor(g, 0, 100);
    const during = tally.total;
    runFor(g, 101, 200);
    expect(during).toBe(1000);
    expect(tally.total - during).toBeLessThanOrEqual(10);
  });

  it('phases follow each other and begin again', () => {
    const phases = [
      { pattern: { kind: 'uniform', region } as const, writesPerSecond: 1000, forNs: 100 * MS },
      { pattern: { kind: 'idle' } as const, writesPerSecond: 0, forNs: 300 * MS },
    ];
    const [g, tally] = group({ kind: 'idle' }, { phases });
    runFor(g, 0, 800);
    expect(tally.total).toBe(200);
  });

  it('zipf: rank r is drawn as rank^-skew says, and skew 0 is uniform', () => {
    const [g, tally] = group({ kind: 'zipf', region, skew: 1 }, { rate: 1_000_000, pageWriteNs: 1 });
    runFor(g, 0, 1000);
    const counts = [...tally.counts.values()].sort((a, b) => b - a);
    const harmonic = Array.from({ length: 1000 }, (_, i) => 1 / (i + 1)).reduce((a, b) => a + b);
    expect(counts[0]! / 1e6).toBeCloseTo(1 / harmonic, 2);
    expect(counts[9]! / 1e6).toBeCloseTo(1 / 10 / harmonic, 2);
    const [flat, even] = group({ kind: 'zipf', region, skew: 0 }, { rate: 1_000_000, pageWriteNs: 1 });
    runFor(flat, 0, 1000);
    expect(Math.max(...even.counts.values())).toBeLessThan(1200);
  });

  it('draws the same pages for the same seed, others for another', () => {
    const pages = (seed: number): string => {
      const [g, tally] = group({ kind: 'uniform', region }, { seed });
      runFor(g, 0, 50);
      return [...tally.counts].join(' ');
    };
    expect(pages(1)).toBe(pages(1));
    expect(pages(1)).not.toBe(pages(2));
  });
});

describe('the pc layout', () => {
  const GIB = 262144;
  it('cuts memory at 3 GiB once there are 3.5 GiB or more', () => {
    expect(pcLayout(3 * GIB).sections.filter(({ readonly }) => !readonly)).toHaveLength(1);
    const layout = pcLayout(4 * GIB);
    const [low, high] = layout.sections;
    expect(low).toMatchObject({ gpaPage: 0, ramPage: 0, pages: 3 * GIB });
    expect(high).toMatchObject({ gpaPage: 4 * GIB, ramPage: 3 * GIB, pages: GIB });
    expect(ramPageOf(layout, 3 * GIB)).toBe(-1);
    expect(ramPageOf(layout, 4 * GIB)).toBe(3 * GIB);
    expect(gpaPageOf(layout, 3 * GIB)).toBe(4 * GIB);
  });

  it('counts 130 pages of firmware besides guest memory, largest block first', () => {
    const layout = pcLayout(GIB);
    expect(layout.totalPages - layout.guestPages).toBe(130);
    const sizes = layout.blocks.map(({ pages }) => pages);
    expect([...sizes].sort((a, b) => b - a)).toEqual(sizes);
  });

  it('fills memory from 2 MiB, and part of the firmware', () => {
    const ram = new Ram(pcLayout(GIB), 1000);
    expect(ram.nonZero.countRange(0, GIB)).toBe(1000);
    expect(ram.nonZero.nextSet(0)).toBe(512);
    expect(ram.nonZero.count).toBe(1000 + 113);
  });
});
