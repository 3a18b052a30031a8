import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../engine/core/units.ts';
import { axisEnd, changesOf, lanesOf, repeatsOf, rowsOf } from '../../../renderer/views/editor/schedule/lanes.ts';
import {
  panned,
  rounded,
  spellNs,
  ticksOf,
  timeOf,
  wholeStep,
  zoomed,
} from '../../../renderer/views/editor/schedule/times.ts';
import { partsOf, sectionsOf } from '../../../renderer/views/editor/topology/memoryMap.ts';

/** Null where the engine refuses: what is larger than a double counts exactly. */
function engineTime(text: string): number | null {
  try {
    return parseDuration(text);
  } catch {
    return null;
  }
}

describe('times of the schedule', () => {
  it('are read as the engine reads them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100_000 }),
        fc.constantFrom('ns', 'us', 'µs', 'ms', 's', 'min', 'h'),
        fc.boolean(),
        (n, unit, space) => {
          const text = `${n}${space ? ' ' : ''}${unit}`;
          expect(timeOf(text)).toBe(engineTime(text));
        },
      ),
    );
    for (const wrong of ['', '5', '5 sec', 'x', '-1s', null, undefined, 5]) expect(timeOf(wrong)).toBeNull();
    expect(timeOf(0)).toBe(0);
    expect(timeOf('1.5s')).toBe(1_500_000_000);
  });
  it('are written so that they read back exactly', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 46 }), (ns) => {
        expect(timeOf(spellNs(ns))).toBe(ns);
      }),
    );
    expect([2e9, 1_500_000_000, 250_000, 7].map(spellNs)).toEqual(['2s', '1500ms', '250us', '7ns']);
  });
  it('snap to whole steps', () => {
    expect([1, 19, 20, 49, 5e7, 9e9].map(wholeStep)).toEqual([1, 10, 20, 20, 5e7, 5e9]);
    expect(rounded(1_234_567_890, 10_000_000)).toBe(1_230_000_000);
    expect(rounded(-5, 10)).toBe(0);
    fc.assert(
      fc.property(fc.double({ min: 1e6, max: 1e14, noNaN: true }), fc.integer({ min: 2, max: 12 }), (end, most) => {
        for (const from of [0, end * 0.3, end * 0.999]) {
          const ticks = ticksOf(from, end, most);
          expect(ticks.length).toBeLessThanOrEqual(most + 1);
          expect(ticks.every((tick) => tick >= from && tick <= end)).toBe(true);
        }
      }),
    );
  });
  it('zooming keeps what is under the pointer there, within the axis and down to a microsecond', () => {
    expect(zoomed({ fromNs: 0, toNs: 1e9 }, 0.5, 5e8, 1e9)).toEqual({ fromNs: 2.5e8, toNs: 7.5e8 });
    expect(zoomed({ fromNs: 2.5e8, toNs: 7.5e8 }, 2, 5e8, 1e9)).toEqual({ fromNs: 0, toNs: 1e9 });
    expect(zoomed({ fromNs: 0, toNs: 1e9 }, 0.5, 0, 1e9)).toEqual({ fromNs: 0, toNs: 5e8 });
    expect(panned({ fromNs: 0, toNs: 5e8 }, 9e8, 1e9)).toEqual({ fromNs: 5e8, toNs: 1e9 });
    fc.assert(
      fc.property(
        fc.array(fc.record({ by: fc.double({ min: 0.1, max: 10, noNaN: true }), at: fc.nat(1000) }), { maxLength: 30 }),
        fc.integer({ min: 100_000_000, max: 1e13 }),
        (steps, endNs) => {
          let shown = { fromNs: 0, toNs: endNs };
          for (const { by, at } of steps) {
            const about = shown.fromNs + ((shown.toNs - shown.fromNs) * at) / 1000;
            shown = zoomed(shown, by, about, endNs);
            expect(shown.fromNs).toBeGreaterThanOrEqual(0);
            expect(shown.toNs).toBeLessThanOrEqual(endNs);
            expect(shown.toNs - shown.fromNs).toBeGreaterThanOrEqual(1_000);
            expect(about).toBeGreaterThanOrEqual(shown.fromNs - 1);
            expect(about).toBeLessThanOrEqual(shown.toNs + 1);
          }
        },
      ),
    );
  });
});

describe('lanes', () => {
  const file = {
    devices: [{ name: 'nic0' }, { name: 'gpu0' }],
    guest: { dimms: [{ name: 'dimm0' }] },
    changes: [
      { at: '1500ms', do: 'unmap', device: 'nic0', offset: '2GiB', size: '2MiB', every: '100ms', times: 10 },
      { on: 'round 3', delay: '100ms', do: 'region', offset: '1GiB', size: '2GiB', to: 'ram' },
      { at: '2s', do: 'plug-memory', dimm: 'dimm0' },
      { at: '3s', do: 'cancel' },
      { at: '1s', do: 'unmap-all', device: 'gone' },
      'nonsense',
    ],
  };
  it('has one for each thing that can change, in the order of the file', () => {
    expect(lanesOf(file).map(({ name, changes }) => [name, changes.length])).toEqual([
      ['nic0', 1],
      ['gpu0', 0],
      ['gone', 1],
      ['dimm0', 1],
      ['memory map', 0],
      ['migration', 1],
    ]);
  });
  it('lists what has no time apart', () => {
    expect(changesOf(file).filter(({ moment }) => moment !== '')).toMatchObject([
      { index: 1, moment: 'round 3 + 100ms', atNs: null, target: 'memory map', label: 'region 2GiB → ram' },
    ]);
  });
  it('repeats on the axis, and not beyond it', () => {
    const [change] = changesOf(file);
    expect(repeatsOf(change!, 10e9, 100)).toHaveLength(10);
    expect(repeatsOf(change!, 1_700_000_000, 100)).toEqual([1.5e9, 1.6e9, 1.7e9]);
    expect(repeatsOf({ ...change!, times: 1e6 }, 1e12, 200)).toHaveLength(200);
    expect(axisEnd(changesOf(file), 1e9, 0)).toBeCloseTo(3.45e9, -3);
  });
  it('gives markers at one place rows of their own', () => {
    expect(rowsOf([0, 10, 200].map((x) => ({ x, width: 100 })))).toEqual([0, 1, 0]);
    expect(rowsOf([150, 0, 50].map((x) => ({ x, width: 100 })))).toEqual([0, 0, 1]);
    expect(Math.max(...rowsOf(Array.from({ length: 50 }, () => ({ x: 0, width: 9 }))))).toBeLessThan(6);
  });
  it('does not fall over a file that is something else', () => {
    for (const odd of [null, {}, { changes: 5 }, { changes: [null, { do: 5 }] }, { devices: [{}] }])
      expect(() => lanesOf(odd)).not.toThrow();
  });
});

describe('the map of guest memory', () => {
  const GIB = 1024 ** 3;
  it('shows the hole where RAM goes beyond it', () => {
    const sections = sectionsOf({ below4g: 3 * GIB, above4g: 13 * GIB }, 800);
    expect(sections.map(({ kind, gpa }) => [kind, gpa])).toEqual([
      ['ram', 0],
      ['hole', 3 * GIB],
      ['ram', 4 * GIB],
    ]);
    expect(sections.reduce((sum, { width }) => sum + width, 0)).toBeCloseTo(800);
    expect(sectionsOf({ below4g: 2 * GIB, above4g: 0 }, 800)).toHaveLength(1);
    // A module lies above RAM, behind addresses that nothing answers; what writes to it is drawn in it.
    const modules = [{ name: 'dimm0', gpa: 4 * GIB, offset: 2 * GIB, size: GIB }];
    const withModule = sectionsOf({ below4g: 2 * GIB, above4g: 0, modules }, 800);
    expect(withModule.map(({ kind }) => kind)).toEqual(['ram', 'gap', 'module']);
    const [part] = partsOf(withModule, { offset: 2 * GIB, size: 1024 });
    expect(part!.x).toBeCloseTo(withModule[2]!.x, 6);
    expect(withModule.reduce((sum, { width }) => sum + width, 0)).toBeCloseTo(800, 6);
  });
  it('draws a range across the hole in two parts, inside of the RAM', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4096 }),
        fc.integer({ min: 0, max: 4096 }),
        fc.integer({ min: 1, max: 4096 }),
        fc.integer({ min: 200, max: 2000 }),
        (memory, offset, size, width) => {
          const below4g = Math.min(memory, 3) * GIB;
          const sections = sectionsOf({ below4g, above4g: memory * GIB - below4g }, width);
          const parts = partsOf(sections, { offset: offset * GIB, size: size * GIB });
          expect(parts.length).toBe(offset >= memory ? 0 : offset < 3 && Math.min(offset + size, memory) > 3 ? 2 : 1);
          const hole = sections.find(({ kind }) => kind === 'hole');
          for (const { x, width: wide } of parts) {
            expect(x).toBeGreaterThanOrEqual(-1e-6);
            expect(x + wide).toBeLessThanOrEqual(width + 1e-6);
            if (hole !== undefined) expect(x + wide <= hole.x + 1e-6 || x >= hole.x + hole.width - 1e-6).toBe(true);
          }
        },
      ),
    );
  });
});
