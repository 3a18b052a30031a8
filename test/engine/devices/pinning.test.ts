// What a VMM has pinned for its containers: once for all by COPY, once for each by MAP, and what the limit says.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validateExperiment } from '../../../engine/experiment/parse.ts';
import { PER_CPU_QUEUE } from '../../../engine/viommu/flush-queue.ts';
import { GuestPins, OVER_LIMIT } from '../../../engine/viommu/pinning.ts';
import { Bench, MS, RAM_PAGES, aDevice } from './fixture.ts';

const two = [aDevice('nic', {}, { container: 'a' }), aDevice('nvme', {}, { container: 'b' })];
const pinned = (iommu: object, api: 'iommufd' | 'type1' = 'iommufd', absent: string[] = []): Bench =>
  new Bench(two, { iommu, tracking: { api }, absent });

describe('two containers', () => {
  it('share what they pin by COPY, pin twice by MAP, and twice with type1', () => {
    expect(pinned({ copies: true }).rack.pins.pages).toBe(RAM_PAGES);
    expect(pinned({ copies: false }).rack.pins.pages).toBe(2 * RAM_PAGES);
    expect(pinned({ copies: true }, 'type1').rack.pins.pages).toBe(2 * RAM_PAGES);
  });

  it('say what each pinned and how long it took', () => {
    const said = pinned({ copies: true }).events.flatMap(({ detail, durationNs }) =>
      'pinnedInAll' in detail ? [[detail['pages'], detail['by'], durationNs]] : [],
    );
    expect(said).toEqual([
      [RAM_PAGES, 'IOAS_MAP', RAM_PAGES * 200],
      [0, 'IOAS_COPY', 0],
    ]);
  });

  it('a page stays pinned until its last container goes, and plugging a device costs its pins', () => {
    const bench = pinned({ copies: false }, 'iommufd', ['nvme0']);
    const { rack } = bench;
    expect(rack.pins.pages).toBe(RAM_PAGES);
    const plugged = rack.plug(0, 'nvme0');
    expect(plugged.ok && plugged.value).toBeGreaterThan(RAM_PAGES * 200);
    expect(rack.pins.pages).toBe(2 * RAM_PAGES);
    rack.unplug(0, 'nic0');
    expect(rack.pins.pages).toBe(RAM_PAGES);

    const sharing = pinned({ copies: true }, 'iommufd', ['nvme0']);
    const copied = sharing.rack.plug(0, 'nvme0');
    expect(copied.ok && copied.value).toBeLessThan(1000);
    sharing.rack.unplug(0, 'nic0');
    expect(sharing.rack.pins.pages).toBe(RAM_PAGES);
    sharing.rack.unplug(0, 'nvme0');
    expect(sharing.rack.pins.pages).toBe(0);
  });

  it('the memory-lock limit refuses the second, and nothing of it stays pinned', () => {
    const limited = (copies: boolean): Bench =>
      pinned({ copies, memlockBytes: (2 * RAM_PAGES - 1) * 4096 }, 'iommufd', ['nvme0']);
    expect(limited(true).rack.plug(0, 'nvme0').ok).toBe(true);
    const bench = limited(false);
    expect(bench.rack.plug(0, 'nvme0')).toMatchObject({ ok: false, errno: 'ENOMEM' });
    expect(bench.rack.pins.pages).toBeLessThan(2 * RAM_PAGES);
  });
});

describe('a guest that maps for itself', () => {
  const viommu = {
    mode: 'shadow',
    driver: 'strict',
    flushQueue: PER_CPU_QUEUE,
    iova: 'reuse',
    addressBits: 48,
    requestQueue: 256,
    iotlbEntries: 1024,
    cpus: 1,
  } as const;
  const packets = {
    buffers: 'per-operation',
    burstBytes: 1500,
    bytesPerSecond: 1500 * 50_000,
    queueDepth: 16,
    region: { firstPage: 1024, pages: 256 },
  } as const;

  it('has its buffers pinned while they are mapped', () => {
    const bench = new Bench([aDevice('nic', packets)], { viommu });
    bench.runUntil(10 * MS);
    expect(bench.rack.pins.pages).toBe(bench.rack.devices[0]!.traffic.guest!.mappings.pagesMapped);
  });

  it('pins nothing more where another container holds guest RAM, unless each pins for itself', () => {
    const extra = (copies: boolean): number => {
      const flat = aDevice('nvme', {}, { behindViommu: false });
      const bench = new Bench([flat, aDevice('nic', packets)], { viommu, iommu: { copies } });
      bench.runUntil(10 * MS);
      return bench.rack.pins.pages - RAM_PAGES;
    };
    expect(extra(true)).toBe(0);
    expect(extra(false)).toBeGreaterThan(10);
  });

  it('is refused over the limit: ENOMEM once, and DMA there faults', () => {
    const bench = new Bench([aDevice('nic', packets)], { viommu, iommu: { memlockBytes: 8 * 4096 } });
    bench.runUntil(10 * MS);
    expect(bench.events.filter(({ kind }) => kind === 'error').map(({ detail }) => detail['errno'])).toEqual([
      'ENOMEM',
    ]);
    expect(bench.rack.devices[0]!.traffic.counters.faults).toBeGreaterThan(0);
    expect(bench.rack.pins.pages).toBe(8);
  });
});

it('pins follow a list of mappings, whatever comes and goes', () => {
  const PAGES = 64;
  const step = fc.record({
    container: fc.nat(2),
    section: fc.boolean(),
    first: fc.nat(PAGES - 1),
    pages: fc.integer({ min: 1, max: PAGES }),
    remove: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.boolean(),
      fc.integer({ min: 20, max: 300 }),
      (steps, copies, limit) => {
        const pins = new GuestPins({ limitBytes: limit * 4096, copies, mode: 'user' }, PAGES);
        const containers = [pins.forContainer(), pins.forContainer(), pins.forContainer()];
        /** Each mapping, and which memory it uses: a MAP of its own, or one that it copied. */
        interface Held {
          readonly container: number;
          readonly iova: number;
          readonly first: number;
          readonly last: number;
          readonly memory: object & { readonly first: number; readonly last: number; readonly whole: boolean };
        }
        let held: Held[] = [];
        let next = 0;
        const charged = (list: readonly Held[]): number => {
          const pages = new Map<object, Set<number>>();
          for (const { memory, first, last } of list) {
            const set = pages.get(memory) ?? new Set<number>();
            for (let page = first; page <= last; page++) set.add(page);
            pages.set(memory, set);
          }
          return [...pages.values()].reduce((sum, set) => sum + set.size, 0);
        };
        for (const { container, section, first, pages, remove } of steps) {
          const mine = held.filter((each) => each.container === container);
          if (remove && mine.length > 0) {
            const gone = mine[first % mine.length]!;
            containers[container]!.remove(gone.iova, gone.last - gone.first + 1, 1);
            held = held.filter((each) => each !== gone);
          } else {
            const last = Math.min(PAGES - 1, first + pages - 1);
            const count = last - first + 1;
            // A source is memory mapped whole as a section, all of which is still mapped.
            const memories = [...new Set(held.map(({ memory }) => memory))].filter(({ whole }) => whole);
            const complete = memories.filter((memory) => {
              const covered = new Set<number>();
              for (const each of held)
                if (each.memory === memory) for (let p = each.first; p <= each.last; p++) covered.add(p);
              return covered.size === memory.last - memory.first + 1;
            });
            const source = copies ? complete.filter((m) => m.first <= first && m.last >= last) : [];
            const iova = next;
            next += PAGES;
            const before = charged(held);
            const answer = section
              ? containers[container]!.addSection(iova, first, count, true)
              : containers[container]!.add(iova, first, count);
            const memory = source[0] ?? { first, last, whole: section };
            const after = charged([...held, { container, iova, first, last, memory }]);
            if (after > limit) expect(answer).toBe(OVER_LIMIT);
            else {
              expect(answer).toBe(after - before);
              held.push({ container, iova, first, last, memory });
            }
          }
          expect(pins.pages).toBe(charged(held));
        }
      },
    ),
  );
});

describe('an experiment', () => {
  const problems = (iommu: object, containers: readonly string[] = ['a', 'b']): string[] => {
    const devices = containers.map((container, i) => ({
      name: `nic${i}`,
      type: 'nic',
      container,
      ring: { size: '16MiB' },
    }));
    const result = validateExperiment({ name: 'x', guest: { memory: '1GiB' }, devices, iommu });
    return result.ok ? [] : result.findings.map(({ message }) => message);
  };

  it('whose containers pin more than the limit when the machine starts is refused', () => {
    expect(problems({ memlock: '1.5GiB' })).toEqual([]);
    expect(problems({ memlock: '1.5GiB', pins: 'map' })).toEqual([
      'pinning 1GiB of guest RAM 2 times exceeds the limit of 1536MiB (ENOMEM)',
    ]);
    expect(problems({ memlock: '1.5GiB', api: 'type1' })).toHaveLength(1);
    expect(problems({ memlock: '1.5GiB', pins: 'map' }, ['a', 'a'])).toEqual([]);
    // Firmware is pinned too.
    expect(problems({ memlock: '1GiB' })).toEqual(['pinning 1GiB of guest RAM exceeds the limit of 1GiB (ENOMEM)']);
  });

  it('that asks type1 to copy is refused', () => {
    expect(problems({ api: 'type1', pins: 'copy' })).toEqual([
      'type1 cannot copy: each container pins guest RAM for itself',
    ]);
  });
});
