// The type1 container and the compatibility layer, rule by rule.
import { describe, expect, it } from 'vitest';
import { ALLOC, ATTACH, BASE_VA, MACHINE, answers, last, outcome, outcomes, write } from '../uapi/aScript.ts';
import type { StepWords } from '../uapi/aScript.ts';

const PAGE = 4096;
const ATTACHED: StepWords = ['device.attach', { device: 'dev0', to: 'container' }];
const DETACHED: StepWords = ['device.detach', { device: 'dev0' }];
const MDEV: StepWords = ['device.attach', { device: 'mdev0', to: 'container' }];
const INFO = (more: Readonly<Record<string, unknown>> = {}): StepWords => ['VFIO_IOMMU_GET_INFO', more];
const PINS: StepWords = ['pins.count'];
const START: StepWords = ['VFIO_IOMMU_DIRTY_PAGES', { flags: 1 }];

const containerOf = (kind: string, more: object = {}, iommu: object = {}): object => ({
  container: kind,
  iommu: { ...MACHINE.iommu, ...iommu },
  devices: [{ name: 'dev0' }, { name: 'mdev0', kind: 'mdev' }],
  ...more,
});
const V2 = containerOf('type1v2');
const V1 = containerOf('type1');
const map = (iova: number, size: number, more: object = {}): StepWords => [
  'VFIO_IOMMU_MAP_DMA',
  { flags: 3, vaddr: BASE_VA + iova, iova, size, ...more },
];
const unmap = (iova: number, size: number, more: object = {}): StepWords => [
  'VFIO_IOMMU_UNMAP_DMA',
  { iova, size, ...more },
];
const sizes = (machine: object, steps: readonly StepWords[]): unknown[] =>
  answers(machine, steps).map((r) => r.errno ?? r.out['size'] ?? 'ok');

describe('unmapping', () => {
  const two = [map(0, 2 * PAGE), map(4 * PAGE, 4 * PAGE)];

  it('v1 leaves a mapping that starts before the range, and takes whole one that starts in it', () => {
    expect(sizes(V1, [...two, unmap(PAGE, PAGE)]).at(-1)).toBe(0);
    expect(sizes(V1, [...two, unmap(PAGE, 8 * PAGE)]).at(-1)).toBe(0);
    expect(sizes(V1, [...two, unmap(2 * PAGE, 3 * PAGE)]).at(-1)).toBe(4 * PAGE);
  });

  it('ALL goes with zeroes only, and takes everything', () => {
    expect(sizes(V2, [...two, unmap(PAGE, 0, { flags: 2 }), unmap(0, 0, { flags: 2 })]).slice(2)).toEqual([
      'EINVAL',
      6 * PAGE,
    ]);
    expect(sizes(V2, [unmap(0, 0, { flags: 2 })])).toEqual([0]);
  });

  it.each<[string, object]>([
    ['with ALL', { flags: 3 }],
    ['with VADDR', { flags: 5 }],
    ['cut off by argsz', { argsz: 24 }],
    ['of no bytes', { bitmap: { pgsize: PAGE, size: 0 } }],
    ['too short', { bitmap: { pgsize: PAGE, size: 4 } }],
    ['too large', { bitmap: { pgsize: PAGE, size: 2 ** 28 + 8 } }],
    ['of another page size', { bitmap: { pgsize: 2 * PAGE, size: 8 } }],
  ])('a dirty bitmap %s is EINVAL', (_what, more) => {
    const ask = { flags: 1, bitmap: { pgsize: PAGE, size: 8 } };
    expect(sizes(V2, [ATTACHED, ...two, START, unmap(0, 2 * PAGE, { ...ask, ...more })]).at(-1)).toBe('EINVAL');
    expect(sizes(V2, [ATTACHED, ...two, START, unmap(0, 2 * PAGE, ask)]).at(-1)).toBe(2 * PAGE);
    expect(sizes(V2, [ATTACHED, ...two, unmap(0, 2 * PAGE, ask)]).at(-1)).toBe('EINVAL');
  });

  it('VADDR marks, DMA goes on, nothing else may join, and MAP gives a new address', () => {
    const steps: StepWords[] = [
      ATTACHED,
      ...two,
      unmap(0, 2 * PAGE, { flags: 4 }),
      unmap(0, 8 * PAGE, { flags: 4 }),
      write(0),
      MDEV,
      map(0, 2 * PAGE, { flags: 4 }),
      MDEV,
      unmap(4 * PAGE, 4 * PAGE, { flags: 4 }),
    ];
    expect(sizes(V2, steps).slice(3)).toEqual([2 * PAGE, 'EINVAL', 'ok', 'EBUSY', 'ok', 'ok', 'EBUSY']);
  });
});

describe('marking vaddrs', () => {
  it('one that is marked already refuses the call, and nothing is marked by it', () => {
    const steps = [
      map(0, PAGE),
      map(4 * PAGE, PAGE),
      unmap(4 * PAGE, PAGE, { flags: 4 }),
      unmap(0, 5 * PAGE, { flags: 4 }),
      map(0, PAGE, { flags: 4 }),
      map(4 * PAGE, PAGE, { flags: 4 }),
      MDEV,
    ];
    expect(outcomes(V2, steps).slice(2)).toEqual(['ok', 'EINVAL', 'EINVAL', 'ok', 'ok']);
  });
});

describe('what a group brings', () => {
  it('its page sizes are the container’s', () => {
    const info = (machine: object, steps: StepWords[]): unknown =>
      last(machine, [...steps, INFO()]).out['iova_pgsizes'];
    expect(info(V2, [])).toBe('0xfffffffffffff000');
    expect(info(V2, [ATTACHED])).toBe(0x201000);
    expect(info(V2, [ATTACHED, DETACHED])).toBe('0xfffffffffffff000');
    const large = containerOf('type1v2', {}, { page_sizes: [0x10000] });
    expect(outcomes(large, [ATTACHED, map(0, PAGE), map(0, 0x10000)]).slice(1)).toEqual(['EINVAL', 'ok']);
  });

  it('its aperture and reserved regions bound maps; mappings in the way refuse it', () => {
    const machine = containerOf('type1v2', {}, { apertures: [[0x1000, 0xffffffff]], reserved: [[0x8000, 0x8fff]] });
    expect(last(machine, [ATTACHED, INFO()]).out['iova_ranges']).toEqual([
      { start: 0x1000, end: 0x7fff },
      { start: 0x9000, end: 0xffffffff },
    ]);
    expect(outcomes(machine, [ATTACHED, map(0, PAGE), map(0x7000, 2 * PAGE), map(0x7000, PAGE)]).slice(1)).toEqual([
      'EINVAL',
      'EINVAL',
      'ok',
    ]);
    expect(outcomes(machine, [map(0x8000, PAGE), ATTACHED]).at(-1)).toBe('EINVAL');
    expect(outcomes(machine, [map(0, PAGE), ATTACHED]).at(-1)).toBe('ok');
    expect(last(machine, [INFO()]).out['iova_ranges']).toBeUndefined();
  });

  it('a second aperture narrows, unless a mapping lies outside it', () => {
    const machine = {
      container: 'type1v2',
      iommus: [
        { name: 'wide', format: 'amd-v1', page_sizes: [PAGE] },
        { name: 'narrow', format: 'vtd-ss', page_sizes: [PAGE] },
      ],
      devices: [
        { name: 'dev0', iommu: 'wide' },
        { name: 'dev1', iommu: 'narrow' },
      ],
    };
    const second: StepWords = ['device.attach', { device: 'dev1', to: 'container' }];
    expect(last(machine, [ATTACHED, second, INFO()]).out['iova_ranges']).toEqual([{ start: 0, end: 2 ** 48 - 1 }]);
    expect(outcome(last(machine, [ATTACHED, map(2 ** 48, PAGE, { vaddr: BASE_VA }), second]))).toBe('EINVAL');
  });

  it('pins and the charge come with the first group behind an IOMMU, and go with the last', () => {
    const locked = (steps: StepWords[]): unknown => last(V2, [...steps, PINS]).out['locked_pages'];
    expect(locked([map(0, 4 * PAGE)])).toBe(0);
    expect(locked([map(0, 4 * PAGE), ATTACHED])).toBe(4);
    expect(locked([map(0, 4 * PAGE), ATTACHED, DETACHED])).toBe(0);
    expect(last(V2, [map(0, 4 * PAGE), ATTACHED, DETACHED, unmap(0, 4 * PAGE)]).out['size']).toBe(0);
    expect(last(V2, [MDEV, map(0, 4 * PAGE), ATTACHED, DETACHED, unmap(0, 4 * PAGE)]).out['size']).toBe(4 * PAGE);
    const pin: StepWords = ['mdev.pin', { device: 'mdev0', iova: 0, npage: 2 }];
    expect(locked([MDEV, map(0, 4 * PAGE), pin])).toBe(2);
    expect(locked([MDEV, map(0, 4 * PAGE), pin, ATTACHED])).toBe(4);
    expect(locked([MDEV, map(0, 4 * PAGE), pin, ATTACHED, DETACHED])).toBe(2);
    const unpin: StepWords = ['mdev.unpin', { device: 'mdev0', iova: 0, npage: 2 }];
    expect(locked([MDEV, map(0, 4 * PAGE), pin, ATTACHED, unpin])).toBe(4);
    expect(locked([MDEV, map(0, 4 * PAGE), pin, unpin])).toBe(0);
  });

  it('what cannot be pinned refuses it, and nothing stays', () => {
    const machine = containerOf('type1v2', { memlock_limit: 2 * PAGE });
    const steps = [map(0, PAGE), map(PAGE, 2 * PAGE), ATTACHED, PINS, unmap(PAGE, 2 * PAGE), ATTACHED];
    expect(outcomes(machine, steps).slice(2)).toEqual(['ENOMEM', 'ok', 'ok', 'ok']);
    expect(answers(machine, steps)[3]!.out['locked_pages']).toBe(0);
    expect(outcomes(V2, [map(0, PAGE, { vaddr: 4096 }), ATTACHED]).at(-1)).toBe('EFAULT');
  });
});

describe('capabilities', () => {
  it('tell the smallest page, the largest bitmap, and the mappings left', () => {
    const machine = containerOf('type1v2', { dma_entry_limit: 3 });
    expect(last(machine, [ATTACHED, map(0, PAGE), INFO()]).out).toMatchObject({
      migration: { pgsize_bitmap: PAGE, max_dirty_bitmap_size: 2 ** 28 },
      dma_avail: 2,
    });
  });

  it('are left out where argsz does not hold them all', () => {
    const [short, header] = answers(V2, [INFO({ argsz: 15 }), INFO({ argsz: 24 })]);
    expect(short!.errno).toBe('EINVAL');
    expect(header!.out['iova_pgsizes']).toBe('0xfffffffffffff000');
    expect(header!.out).not.toHaveProperty('dma_avail');
  });

  it('extensions depend on what is attached', () => {
    const extension = (machine: object, number: number, steps: StepWords[] = []): unknown =>
      last(machine, [...steps, ['VFIO_CHECK_EXTENSION', { extension: number }]]).out['return'];
    expect([1, 3, 4, 9, 10, 99].map((n) => extension(V2, n))).toEqual([1, 1, 1, 1, 1, 0]);
    expect(extension(V2, 10, [MDEV])).toBe(0);
    expect(extension(V2, 4, [ATTACHED])).toBe(1);
    expect(extension(containerOf('type1v2', {}, { format: 'vtd-ss' }), 4, [ATTACHED])).toBe(0);
  });
});

describe('dirty pages', () => {
  it.each([
    [V1, 1, 'EACCES'],
    [V1, 4, 'EACCES'],
    [V2, 0, 'EINVAL'],
    [V2, 3, 'EINVAL'],
    [V2, 8, 'EINVAL'],
    [V2, 1, 'ok'],
    [V2, 2, 'ok'],
  ])('%#: flags %2$d: %3$s', (machine, flags, expected) => {
    expect(outcome(last(machine, [['VFIO_IOMMU_DIRTY_PAGES', { flags }]]))).toBe(expected);
  });

  it('STOP forgets; START again begins with the pages pinned', () => {
    const read: StepWords = [
      'VFIO_IOMMU_DIRTY_PAGES',
      { flags: 4, iova: 0, size: 4 * PAGE, bitmap: { pgsize: PAGE, size: 8 } },
    ];
    const steps: StepWords[] = [
      MDEV,
      map(0, 4 * PAGE),
      ['mdev.pin', { device: 'mdev0', iova: PAGE, npage: 1 }],
      START,
      ['mdev.rw', { device: 'mdev0', iova: 0, length: 1, op: 'write' }],
      START,
      read,
      ['VFIO_IOMMU_DIRTY_PAGES', { flags: 2 }],
      read,
      START,
      read,
    ];
    expect(
      answers(V2, steps)
        .slice(6)
        .map((r) => r.errno ?? r.out['dirty'] ?? 'ok'),
    ).toEqual([[[0, 1]], 'ok', 'EINVAL', 'ok', [[1, 1]]]);
  });

  it('a pin that fails half way leaves the bits of what it had pinned', () => {
    const read: StepWords = [
      'VFIO_IOMMU_DIRTY_PAGES',
      { flags: 4, iova: 0, size: 2 * PAGE, bitmap: { pgsize: PAGE, size: 8 } },
    ];
    const steps: StepWords[] = [
      MDEV,
      map(0, 2 * PAGE),
      START,
      ['mdev.pin', { device: 'mdev0', iova: PAGE, npage: 2 }],
      read,
      read,
    ];
    expect(
      answers(V2, steps)
        .slice(3)
        .map((r) => r.errno ?? r.out['dirty']),
    ).toEqual(['EINVAL', [[1, 1]], []]);
  });

  it('a mapping of more pages than a bitmap has bits cannot be tracked', () => {
    const machine = containerOf('type1v2', { memory: { size: 2 ** 42 } }, { page_sizes: [PAGE, 2 ** 30] });
    const huge = map(0, 2 ** 43, { vaddr: '0x1000000000' });
    expect(outcomes(machine, [huge, START])).toEqual(['ok', 'EINVAL']);
    expect(outcomes(machine, [START, huge])).toEqual(['ok', 'EINVAL']);
  });
});

describe('the compatibility layer', () => {
  const SET: StepWords = ['IOMMU_VFIO_IOAS', { op: 1, ioas_id: '$ioas' }];

  it('without an IOAS is ENODEV, once the arguments are right', () => {
    const steps: StepWords[] = [
      map(0, PAGE),
      map(0, PAGE, { argsz: 31 }),
      map(0, PAGE, { flags: 7 }),
      unmap(0, PAGE),
      unmap(0, PAGE, { flags: 1, bitmap: { pgsize: PAGE, size: 8 } }),
      INFO(),
      INFO({ argsz: 15 }),
      ['VFIO_SET_IOMMU', { type: 3 }],
      ['VFIO_SET_IOMMU', { type: 2 }],
    ];
    expect(outcomes(MACHINE, steps)).toEqual([
      'ENODEV',
      'EINVAL',
      'EINVAL',
      'ENODEV',
      'EINVAL',
      'ENODEV',
      'EINVAL',
      'ENODEV',
      'EINVAL',
    ]);
  });

  it('maps as IOMMU_IOAS_MAP does, knows no dirty pages, and has no migration capability', () => {
    const steps: StepWords[] = [
      ALLOC,
      SET,
      ATTACH,
      map(0, PAGE),
      map(0, PAGE),
      map(100, PAGE),
      START,
      write(0),
      INFO(),
      ['VFIO_CHECK_EXTENSION', { extension: 10 }],
    ];
    const results = answers(MACHINE, steps);
    expect(results.map(outcome).slice(3, 8)).toEqual(['ok', 'EEXIST', 'EINVAL', 'ENOTTY', 'ok']);
    expect(results[8]!.out).toEqual({
      iova_pgsizes: 0x201000,
      dma_avail: 2 ** 32 - 1,
      iova_ranges: [{ start: 0, end: '0xffffffffffffffff' }],
      ...pick(results[8]!.out, ['argsz', 'flags', 'cap_offset']),
    });
    expect(results[9]!.out['return']).toBe(0);
  });

  it('page sizes are those of all domains, or the alignment if they share none', () => {
    const machine = {
      iommus: [
        { name: 'a', format: 'amd-v1', page_sizes: [4096] },
        { name: 'b', format: 'mock', page_sizes: [2048] },
      ],
      devices: [
        { name: 'dev0', iommu: 'a' },
        { name: 'dev1', iommu: 'b' },
      ],
    };
    const second: StepWords = ['device.attach', { device: 'dev1', to: '$ioas' }];
    expect(last(machine, [ALLOC, SET, second, INFO()]).out['iova_pgsizes']).toBe(PAGE);
    expect(last(machine, [ALLOC, SET, ATTACH, second, INFO()]).out['iova_pgsizes']).toBe(PAGE);
  });

  it('a v1 cut needs page alignment, and no pins in the area', () => {
    const before: StepWords[] = [
      ALLOC,
      SET,
      ['VFIO_SET_IOMMU', { type: 1 }],
      ['access.create', { ioas: '$ioas' }, 'access'],
      map(0, 4 * PAGE),
    ];
    const pin: StepWords = ['access.pin', { access: '$access', iova: 3 * PAGE, length: PAGE }];
    expect(
      sizes(MACHINE, [...before, unmap(PAGE, 100), unmap(PAGE, PAGE), unmap(2 * PAGE, 2 * PAGE)]).slice(5),
    ).toEqual(['EINVAL', PAGE, 2 * PAGE]);
    expect(sizes(MACHINE, [...before, pin, unmap(PAGE, PAGE)]).at(-1)).toBe('EINVAL');
  });

  it('unmap is not atomic: what lies below the bisected area is gone, and size tells how much', () => {
    const steps: StepWords[] = [
      ALLOC,
      SET,
      map(0, PAGE),
      map(2 * PAGE, 4 * PAGE),
      unmap(0, 4 * PAGE),
      unmap(0, 0, { flags: 2 }),
    ];
    expect(
      answers(MACHINE, steps)
        .slice(4)
        .map((r) => [r.errno, r.out['size']]),
    ).toEqual([
      ['ENOENT', PAGE],
      [undefined, 4 * PAGE],
    ]);
  });
});

function pick(from: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => key in from).map((key) => [key, from[key]]));
}
