// What a page walk of the IOMMU costs a device: rate where buffers stay mapped, latency where each is mapped anew.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PER_CPU_QUEUE } from '../../../engine/viommu/flush-queue.ts';
import type { TrafficConfig } from '../../../engine/devices/config.ts';
import { Bench, MS, US, aDevice } from './fixture.ts';

/** A page every microsecond. */
const PAGES = {
  buffers: 'mapped-once',
  burstBytes: 4096,
  bytesPerSecond: 4096 * 1e6,
  region: { firstPage: 1024, pages: 1024 },
} as const;

/** The fixture's IOTLB has 64 entries: a ring of 16 pages always hits, one of 1024 never. */
const hot = { ...PAGES, region: { firstPage: 1024, pages: 16 } };

function operations(traffic: Partial<TrafficConfig>, walkNs: number): number {
  const bench = new Bench([aDevice('nic', traffic)], { costs: { iotlb_miss: walkNs } });
  bench.runUntil(10 * MS);
  return bench.rack.devices[0]!.traffic.counters.operations;
}

describe('buffers that stay mapped', () => {
  it('misses that take longer than the interval set the rate', () => {
    expect(operations(PAGES, 10 * US)).toBeLessThanOrEqual(1001);
    expect(operations(PAGES, 10 * US)).toBeGreaterThan(990);
  });

  it('hits, and misses that fit between two operations, cost nothing', () => {
    expect(operations(PAGES, 1 * US)).toBe(10_000);
    expect(operations(hot, 10 * US)).toBeGreaterThan(9_800);
  });

  it('what a slow walk held up is not made up for', () => {
    const bench = new Bench([aDevice('nic', PAGES)], { costs: { iotlb_miss: 10 * US } });
    const { traffic } = bench.rack.devices[0]!;
    bench.runUntil(10 * MS);
    traffic.setRate(10 * MS, 4096 * 1000);
    bench.runUntil(20 * MS);
    expect(traffic.counters.operations).toBeLessThanOrEqual(1001 + 10);
  });

  it('the same operations happen however the run is sliced', () => {
    const slices = fc.array(fc.integer({ min: 1, max: 300 * US }), { minLength: 1, maxLength: 40 });
    const walks = fc.constantFrom(100, 900, 1100, 5000);
    fc.assert(
      fc.property(
        slices,
        walks,
        fc.constantFrom<TrafficConfig['pattern']>('ring', 'random'),
        (cuts, walkNs, pattern) => {
          const make = (): Bench =>
            new Bench([aDevice('nic', { ...PAGES, pattern, burstBytes: 3 * 4096 })], { costs: { iotlb_miss: walkNs } });
          const [whole, sliced] = [make(), make()];
          let nowNs = 0;
          for (const cut of cuts) sliced.rack.advanceTo((nowNs += cut));
          whole.rack.advanceTo(nowNs);
          expect(sliced.rack.devices[0]!.traffic.counters).toEqual(whole.rack.devices[0]!.traffic.counters);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('buffers that are mapped for each operation', () => {
  /** Closed loop: four buffers, each back when its operation is complete. */
  const packets = { ...PAGES, buffers: 'per-operation', queueDepth: 4, latencyNs: 0 } as const;
  const viommu = {
    mode: 'explicit',
    driver: 'strict',
    flushQueue: PER_CPU_QUEUE,
    iova: 'reuse',
    addressBits: 48,
    requestQueue: 256,
    iotlbEntries: 1024,
    cpus: 1,
  } as const;
  const free = { viommu_exit: 0, iommu_map: 0, iommu_unmap: 0, iotlb_flush: 0, guest_dma_map: 0, guest_dma_unmap: 0 };

  it('a walk is part of the latency, one after another: a device that misses always does one operation a walk', () => {
    const count = (walkNs: number): number => {
      const bench = new Bench([aDevice('nic', packets)], { viommu, costs: { ...free, iotlb_miss: walkNs } });
      bench.runUntil(10 * MS);
      return bench.rack.devices[0]!.traffic.counters.operations;
    };
    expect(count(500)).toBe(10_000);
    expect(count(10 * US) / 1000).toBeCloseTo(1, 1);
  });
});
