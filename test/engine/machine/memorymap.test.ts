import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RamSection } from '../../../engine/machine/layout.ts';
import { canMerge, type FlatRange } from '../../../engine/machine/map/flatview.ts';
import { MemoryMap, type Appearance, type MapTreatment } from '../../../engine/machine/map/memorymap.ts';

const RAM: RamSection = { name: 'ram', gpaPage: 0, ramPage: 0, pages: 1000, readonly: false };

interface Heard {
  readonly map: MemoryMap;
  readonly calls: string[];
}
function mapOf(treatment: MapTreatment, sections: RamSection[] = [RAM]): Heard {
  const map = new MemoryMap(sections, treatment);
  map.begin();
  map.commit(0);
  const calls: string[] = [];
  map.listen({
    name: 'vfio',
    priority: 10,
    regionAdd: (_now, { gpaPage, pages }) => (calls.push(`add ${gpaPage}+${pages}`), 5),
    regionDel: (_now, { gpaPage, pages }) => (calls.push(`del ${gpaPage}+${pages}`), 7),
  });
  return { map, calls };
}
function change({ map, calls }: Heard, first: number, pages: number, as: Appearance): string[] {
  calls.length = 0;
  map.begin();
  map.show(first, pages, as);
  map.commit(0);
  return [...calls];
}

describe('the flat view', () => {
  const range: FlatRange = {
    ...{ name: 'ram', gpaPage: 0, ramPage: 0, pages: 10, readonly: false, region: 'ram', unmergeable: false },
  };
  const next: FlatRange = { ...range, gpaPage: 10, ramPage: 10 };

  it('merges neighbours of one region that are contiguous in both and have the same access', () => {
    expect(canMerge(range, next)).toBe(true);
  });

  it.each([
    ['a gap in guest physical memory', { gpaPage: 11 }],
    ['another offset in the region', { ramPage: 11 }],
    ['another region', { region: 'other' }],
    ['another access', { readonly: true }],
    ['a region marked unmergeable', { unmergeable: true }],
  ])('does not merge over %s', (_what, other) => {
    expect(canMerge(range, { ...next, ...other })).toBe(false);
  });
});

describe('a change of the map', () => {
  it('as it is, when A and B become mergeable all that lay there goes and comes as one: A + B -> A′', () => {
    const heard = mapOf('as-is');
    expect(change(heard, 400, 100, 'separate')).toEqual(['del 0+1000', 'add 0+400', 'add 400+100', 'add 500+500']);
    expect(change(heard, 400, 100, 'ram')).toEqual(['del 0+400', 'del 400+100', 'del 500+500', 'add 0+1000']);
  });

  it('compared in user space, what leads to the same memory stays: no call at all', () => {
    const heard = mapOf('compared');
    expect(change(heard, 400, 100, 'separate')).toEqual([]);
    expect(change(heard, 400, 100, 'ram')).toEqual([]);
  });

  it('with unmergeable regions only the range itself goes and comes, once it is a region of its own', () => {
    const heard = mapOf('unmergeable');
    change(heard, 400, 100, 'separate');
    expect(change(heard, 400, 100, 'ram')).toEqual(['del 400+100', 'add 400+100']);
    expect(change(heard, 400, 100, 'rom')).toEqual(['del 400+100', 'add 400+100']);
  });

  it('compared, a hole takes the whole unit that it is in: a mapping cannot be bisected', () => {
    const heard = mapOf('compared');
    expect(change(heard, 400, 100, 'mmio')).toEqual(['del 0+1000', 'add 0+400', 'add 500+500']);
    expect(change(heard, 400, 100, 'ram')).toEqual(['add 400+100']);
    // The unit of the range alone goes now, though the flat view knows one range.
    expect(heard.map.view).toHaveLength(1);
    expect(change(heard, 400, 100, 'mmio')).toEqual(['del 400+100']);
  });

  it('deletes first, in reverse order of priority, then adds in order; each call begins when the one before ended', () => {
    const { map } = mapOf('as-is', [RAM]);
    const times: string[] = [];
    map.listen({
      name: 'kvm',
      priority: 1,
      regionAdd: (now) => (times.push(`kvm add ${now}`), 10),
      regionDel: (now) => (times.push(`kvm del ${now}`), 10),
      commit: (now) => (times.push(`kvm commit ${now}`), 10),
    });
    map.begin();
    map.show(0, 10, 'mmio');
    const { durationNs } = map.commit(1000);
    // VFIO del 7, KVM del 10, KVM add 10, VFIO add 5, KVM commit 10
    expect(times).toEqual(['kvm del 1007', 'kvm add 1017', 'kvm commit 1032']);
    expect(durationNs).toBe(42);
  });

  it('nested transactions are told once, at the end of the outermost', () => {
    const heard = mapOf('as-is');
    const { map, calls } = heard;
    map.begin();
    map.begin();
    map.show(0, 10, 'mmio');
    map.commit(0);
    expect(calls).toEqual([]);
    map.show(0, 10, 'ram');
    map.commit(0);
    expect(calls).toEqual([]);
  });
});

describe('whatever changes', () => {
  const step = fc.record({
    first: fc.nat(90),
    pages: fc.integer({ min: 1, max: 30 }),
    as: fc.constantFrom<Appearance>('ram', 'rom', 'mmio', 'separate'),
  });
  const sections = [
    { ...RAM, pages: 60 },
    { name: 'high', gpaPage: 1000, ramPage: 60, pages: 60, readonly: false },
  ];

  it.each<MapTreatment>(['as-is', 'compared', 'unmergeable'])(
    '%s: what a listener has is the map, page by page',
    (treatment) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
          const map = new MemoryMap(sections, treatment);
          const mapped = new Map<number, string>();
          const key = (range: FlatRange, i: number): string => `${range.ramPage + i} ${range.readonly}`;
          map.listen({
            name: 'listener',
            priority: 10,
            regionAdd: (_now, range) => {
              for (let i = 0; i < range.pages; i++) {
                expect(mapped.has(range.gpaPage + i)).toBe(false);
                mapped.set(range.gpaPage + i, key(range, i));
              }
              return 0;
            },
            regionDel: (_now, range) => {
              for (let i = 0; i < range.pages; i++) {
                expect(mapped.get(range.gpaPage + i)).toBe(key(range, i));
                mapped.delete(range.gpaPage + i);
              }
              return 0;
            },
          });
          map.begin();
          map.commit(0);
          const seen: Appearance[] = new Array<Appearance>(120).fill('ram');
          for (const { first, pages, as } of steps) {
            map.begin();
            map.show(first, pages, as);
            map.commit(0);
            seen.fill(as, first, first + pages);
            for (let page = 0; page < 120; page++) {
              const gpa = page < 60 ? page : 1000 + page - 60;
              expect(mapped.get(gpa)).toBe(seen[page] === 'mmio' ? undefined : `${page} ${seen[page] === 'rom'}`);
            }
          }
        }),
        { numRuns: 60 },
      );
    },
  );
});
