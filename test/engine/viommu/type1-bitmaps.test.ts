// What the variants of the type1 rules mean for a VMM: calls, refusals, bytes and shifts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costsWith } from '../../../engine/core/costs.ts';
import type { RunEvent } from '../../../engine/core/events.ts';
import type { Type1Rules } from '../../../engine/vfio/type1-rules.ts';
import { ALIGNED_BITMAP, AS_MERGED, ONE_MAPPING, SLOT_AT_A_TIME } from '../../../engine/vfio/type1-rules.ts';
import { PER_CPU_QUEUE } from '../../../engine/viommu/flush-queue.ts';
import { Type1Bitmaps } from '../../../engine/viommu/type1-bitmaps.ts';
import type { BitmapCounters } from '../../../engine/viommu/type1-bitmaps.ts';
import { Bench, MS, SECTIONS, US, aDevice } from '../devices/fixture.ts';

const events: RunEvent[] = [];
const bitmapsOf = (rules: Type1Rules): Type1Bitmaps => {
  events.length = 0;
  return new Type1Bitmaps({ name: 'c', rules, costs: costsWith({}), emit: (event) => events.push(event) });
};

describe('bits of a bitmap', () => {
  it('from the IOVA: the VMM merges by words where the RAM page is a multiple of 64', () => {
    const bitmaps = bitmapsOf(AS_MERGED);
    bitmaps.bits(3, 3, 5, 64);
    expect(bitmaps.counters).toMatchObject({ copiedBytes: 8, shiftedBytes: 0, kernelShiftedBytes: 0 });
    bitmaps.bits(3, 3, 5, 67);
    expect(bitmaps.counters).toMatchObject({ copiedBytes: 16, shiftedBytes: 8, kernelShiftedBytes: 0 });
  });

  it('from the aligned IOVA: where IOVA and RAM page agree modulo 64', () => {
    const bitmaps = bitmapsOf(ALIGNED_BITMAP);
    bitmaps.bits(3, 3, 5, 67);
    expect(bitmaps.counters).toMatchObject({ copiedBytes: 8, shiftedBytes: 0 });
    bitmaps.bits(3, 3, 5, 64);
    expect(bitmaps.counters).toMatchObject({ copiedBytes: 16, shiftedBytes: 8 });
    // A range across a multiple of 64 has bits in two words.
    bitmaps.bits(60, 60, 8, 124);
    expect(bitmaps.counters).toMatchObject({ copiedBytes: 32, shiftedBytes: 8 });
  });

  it('of a neighbour in one bitmap: the kernel shifts it to its place, with an aligned base never', () => {
    const merged = bitmapsOf(AS_MERGED);
    merged.bits(3, 8, 5, 72);
    expect(merged.counters.kernelShiftedBytes).toBe(8);
    const aligned = bitmapsOf(ALIGNED_BITMAP);
    aligned.bits(3, 8, 5, 72);
    expect(aligned.counters.kernelShiftedBytes).toBe(0);
  });

  it('cost what is copied, shifted and merged, as a list of words says', () => {
    const { bitmap_copy, bitmap_merge, bitmap_shift } = costsWith({});
    const page = fc.nat(1000);
    fc.assert(
      fc.property(
        page,
        page,
        fc.integer({ min: 1, max: 300 }),
        page,
        fc.boolean(),
        (base, gap, pages, ram, aligned) => {
          const bitmaps = bitmapsOf(aligned ? ALIGNED_BITMAP : AS_MERGED);
          const zero = aligned ? base - (base % 64) : base;
          const first = base + gap;
          const words = new Set<number>();
          for (let p = first; p < first + pages; p++) words.add(Math.floor((p - zero) / 64));
          const agree = (((ram - (first - zero)) % 64) + 64) % 64 === 0;
          const shifts = !aligned && (first - zero) % 64 !== 0;
          const perMib = bitmap_copy + (shifts ? bitmap_shift : 0) + (agree ? bitmap_merge : bitmap_shift);
          expect(bitmaps.bits(base, first, pages, ram)).toBeCloseTo((words.size * 8 * perMib) / 2 ** 20, 6);
        },
      ),
    );
  });
});

describe('calls', () => {
  it('whole mappings: one unmap takes several', () => {
    expect(bitmapsOf(AS_MERGED).unmapsTogether(0, 0, 4, 4)).toBe(true);
    expect(events).toEqual([]);
  });

  it('one mapping: the first call over several is EINVAL, an event, and costs a call; then the VMM knows', () => {
    const bitmaps = bitmapsOf(ONE_MAPPING);
    expect([1, 2, 3].map(() => bitmaps.unmapsTogether(5, 0, 4, 4))).toEqual([false, false, false]);
    expect(bitmaps.unmapsTogether(5, 0, 4, 1)).toBe(true);
    expect(events.map(({ kind, detail }) => [kind, detail['errno'], detail['mappings']])).toEqual([
      ['error', 'EINVAL', 4],
    ]);
    const { dirty_ioctl } = costsWith({});
    const first = bitmaps.unmapped(0, 1, 0);
    expect(first - bitmaps.unmapped(0, 1, 0)).toBeCloseTo(dirty_ioctl, 6);
  });

  it('a bitmap of more than 256 MiB is refused: E2BIG by the VMM at an unmap, EINVAL by the kernel at a retrieval', () => {
    const bitmaps = bitmapsOf(AS_MERGED);
    expect(bitmaps.unmapsTogether(0, 0, 2 ** 31, 2)).toBe(true);
    expect(bitmaps.unmapsTogether(0, 0, 2 ** 31 + 1, 2)).toBe(false);
    expect(bitmaps.readsTogether(0, 0, 2 ** 31 + 1, 2)).toBe(false);
    expect(events.map(({ detail }) => detail['errno'])).toEqual(['E2BIG', 'EINVAL']);
  });

  it('a slot at a time: a retrieval over two is EINVAL', () => {
    expect(bitmapsOf(AS_MERGED).readsTogether(0, 0, 8, 2)).toBe(true);
    expect(bitmapsOf(SLOT_AT_A_TIME).readsTogether(0, 0, 8, 2)).toBe(false);
  });
});

interface Said {
  readonly bench: Bench;
  readonly counters: BitmapCounters;
  readonly syncNs: number;
}

/** A strict NIC with buffers of four pages behind a shadowing vIOMMU: an unmap covers four mappings. */
function strictNic(
  rules: Type1Rules,
  tracker: 'everything' | 'hardware',
  query: 'section' | 'space' = 'section',
): Said {
  const traffic = {
    buffers: 'per-operation',
    burstBytes: 4 * 4096,
    bytesPerSecond: 4 * 4096 * 5000,
    queueDepth: 16,
    region: { firstPage: 1024, pages: 256 },
  } as const;
  const bench = new Bench([aDevice('nic', traffic)], {
    viommu: {
      mode: 'shadow',
      driver: 'strict',
      flushQueue: PER_CPU_QUEUE,
      iova: 'reuse',
      addressBits: 48,
      requestQueue: 256,
      iotlbEntries: 1024,
      cpus: 1,
    },
    iommu: { type1Rules: rules },
    tracking: { api: 'type1', type1Tracker: tracker, query },
  });
  bench.startLogging();
  bench.runUntil(10 * MS);
  const syncNs = bench.sync();
  bench.stopAndSync();
  return { bench, counters: bench.rack.containers[0]!.container.type1!.counters, syncNs };
}

describe('a container whose devices write', () => {
  it.each(['everything', 'hardware'] as const)(
    '%s: the single-mapping rule makes four calls of one, and refuses one; nothing is lost either way',
    (tracker) => {
      const [whole, single] = [strictNic(AS_MERGED, tracker), strictNic(ONE_MAPPING, tracker)];
      const unmaps = (said: Said): number => said.bench.rack.devices[0]!.traffic.guestCounters.unmaps;
      const ofUnmaps = (said: Said): number => said.counters.calls - 2 * 16;
      expect(ofUnmaps(whole)).toBe(unmaps(whole));
      expect(ofUnmaps(single)).toBe(4 * unmaps(single));
      expect([whole.counters.refused, single.counters.refused]).toEqual([0, 1]);
      expect([whole.bench.lost, single.bench.lost]).toEqual([[], []]);
      const errors = single.bench.events.filter(({ kind }) => kind === 'error');
      expect(errors.map(({ detail }) => detail['errno'])).toEqual(['EINVAL']);
    },
  );

  it('one retrieval for all guest mappings passes over their gaps; slot by slot it is refused once', () => {
    const range = strictNic(AS_MERGED, 'hardware', 'space');
    const slots = strictNic(SLOT_AT_A_TIME, 'hardware', 'space');
    expect(range.syncNs).toBeLessThan(slots.syncNs);
    expect([range.counters.refused, slots.counters.refused]).toEqual([0, 1]);
    expect([range.bench.lost, slots.bench.lost]).toEqual([[], []]);
  });

  it('sections: bitmaps of a bit a page; one retrieval for the space is as large as the space', () => {
    const sync = (query: 'section' | 'space', rules: Type1Rules): BitmapCounters => {
      const bench = new Bench([aDevice('nic', { bytesPerSecond: 4096 * 1000 })], {
        tracking: { api: 'type1', query },
        iommu: { type1Rules: rules },
      });
      bench.startLogging();
      bench.runUntil(200 * US);
      bench.sync();
      for (const { tracker } of bench.rack.containers) tracker.stop(bench.scheduler.nowNs);
      const { counters } = bench.rack.containers[0]!.container.type1!;
      expect(bench.events.at(-1)).toMatchObject({ kind: 'note', detail: { copiedBytes: counters.copiedBytes } });
      return counters;
    };
    const bytes = SECTIONS.reduce((sum, { pages }) => sum + pages / 8, 0);
    expect(sync('section', AS_MERGED)).toMatchObject({ calls: 2, copiedBytes: bytes, largestBytes: 3072 / 8 });
    expect(sync('space', AS_MERGED)).toMatchObject({
      calls: 1,
      copiedBytes: bytes,
      largestBytes: (0x10_0000 + 3072) / 8,
    });
    expect(sync('space', SLOT_AT_A_TIME)).toMatchObject({ calls: 2, refused: 1 });
  });
});
