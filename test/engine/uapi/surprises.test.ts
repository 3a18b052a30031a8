// The rules of the kernel that surprise, one by one; sources stand with the code that models them.
import { describe, expect, it } from 'vitest';
import {
  ALLOC,
  ATTACH,
  ATTACH_HWPT,
  BASE_VA,
  FIXED,
  HWPT,
  MACHINE,
  RW,
  answers,
  getDirty,
  last,
  map,
  outcomes,
  track,
  unmap,
  write,
} from './aScript.ts';
import type { StepWords } from './aScript.ts';

const TRACKED: readonly StepWords[] = [ALLOC, HWPT, ATTACH_HWPT];
const MIB = 1 << 20;
const GIB = 2 ** 30;

const type1 = (kind: 'type1' | 'type1v2', devices: readonly object[]): object => ({
  ...MACHINE,
  container: kind,
  devices,
});
const CONTAINER_MAP = (iova: number, size: number): StepWords => [
  'VFIO_IOMMU_MAP_DMA',
  { flags: 3, vaddr: BASE_VA + iova, iova, size },
];
const CONTAINER_UNMAP = (iova: number, size: number, more: object = {}): StepWords => [
  'VFIO_IOMMU_UNMAP_DMA',
  { iova, size, ...more },
];
const START: StepWords = ['VFIO_IOMMU_DIRTY_PAGES', { flags: 1 }];
const READ_BITS = (iova: number, size: number): StepWords => [
  'VFIO_IOMMU_DIRTY_PAGES',
  { flags: 4, iova, size, bitmap: { pgsize: 4096, size: 8 * Math.ceil(size / 4096 / 64) } },
];
const ATTACH_TYPE1 = (device: string): StepWords => ['device.attach', { device, to: 'container' }];

describe('iommufd dirty tracking', () => {
  it('1: a hole ends a read without a word; what lies before it is read and cleared, what lies after is neither', () => {
    const steps = [
      ...TRACKED,
      map(0, 8192),
      map(12288, 8192),
      track(true),
      write(4096),
      write(12288),
      getDirty(0, 20480),
      getDirty(0, 8192),
      getDirty(12288, 8192),
    ];
    expect(
      answers(MACHINE, steps)
        .slice(-3)
        .map(({ out }) => out.dirty),
    ).toEqual([[[1, 1]], [], [[0, 0]]]);
  });

  it('1: starting in a hole reads nothing', () => {
    const steps = [...TRACKED, map(4096, 4096), track(true), write(4096), getDirty(0, 8192), getDirty(4096, 4096)];
    expect(
      answers(MACHINE, steps)
        .slice(-2)
        .map(({ out }) => out.count),
    ).toEqual([0, 1]);
  });

  it('2: switching on clears, also when it is on already: dirt not yet read is lost', () => {
    const steps = [...TRACKED, map(0, 8192), track(true), write(0), track(true), getDirty(0, 8192)];
    expect(last(MACHINE, steps).out.count).toBe(0);
  });

  it('2: switching off leaves the bits as they are and readable, and records nothing more', () => {
    const steps = [...TRACKED, map(0, 8192), track(true), write(0), track(false), write(4096), getDirty(0, 8192)];
    expect(last(MACHINE, steps).out.dirty).toEqual([[0, 0]]);
  });

  it('3: bits are only ORed in: what the caller left in the buffer survives', () => {
    const steps: StepWords[] = [
      ...TRACKED,
      map(0, 16 * 4096),
      track(true),
      write(8192),
      ['buffer.alloc', { length: 8, fill: 0x11 }, 'buf'],
      getDirty(0, 16 * 4096, { data: '$buf' }),
    ];
    const { out } = last(MACHINE, steps);
    expect(out).toEqual({
      dirty: [
        [0, 0],
        [2, 2],
        [4, 4],
        [8, 8],
        [12, 12],
      ],
      count: 5,
      bits: '1511',
    });
  });

  it('4: reading half a huge leaf eats the other half', () => {
    const steps = [
      ...TRACKED,
      map(0, 2 * MIB),
      track(true),
      write(0),
      getDirty(0, MIB),
      getDirty(MIB, MIB),
      getDirty(0, 2 * MIB),
    ];
    expect(
      answers(MACHINE, steps)
        .slice(-3)
        .map(({ out }) => out.count),
    ).toEqual([256, 0, 0]);
  });

  it('4: unless NO_CLEAR only looks', () => {
    const steps = [
      ...TRACKED,
      map(0, 2 * MIB),
      track(true),
      write(0),
      getDirty(0, MIB, { flags: 1 }),
      getDirty(MIB, MIB),
    ];
    expect(
      answers(MACHINE, steps)
        .slice(-2)
        .map(({ out }) => out.count),
    ).toEqual([256, 256]);
  });

  it('5: leaves of SMMUv3 are born dirty, and tracking there cannot be switched off', () => {
    const machine = { ...MACHINE, iommu: { format: 'arm-lpae-s1', page_sizes: [4096] } };
    const steps = [
      ...TRACKED,
      map(0, 8192),
      getDirty(0, 8192),
      getDirty(0, 8192),
      track(true),
      track(false),
      write(4096),
      getDirty(0, 8192),
    ];
    const counts = answers(machine, steps).filter(({ out }) => out.count !== undefined);
    expect(counts.map(({ out }) => out.dirty)).toEqual([[[0, 1]], [], [[1, 1]]]);
  });

  it.each(['amd-v1', 'vtd-ss'])('5: leaves of %s are born clean and record only while tracking is on', (format) => {
    const machine = { ...MACHINE, iommu: { format, page_sizes: [4096] } };
    const steps = [...TRACKED, map(0, 8192), getDirty(0, 8192), write(0), getDirty(0, 8192)];
    expect(
      answers(machine, steps)
        .filter(({ out }) => out.count !== undefined)
        .map(({ out }) => out.count),
    ).toEqual([0, 0]);
  });

  it('6: a HWPT made without the flag takes neither SET (not even off) nor GET; automatic ones never have it', () => {
    const steps: StepWords[] = [
      ALLOC,
      ATTACH,
      ['IOMMU_HWPT_SET_DIRTY_TRACKING', { hwpt_id: '$pt', flags: 1 }],
      ['IOMMU_HWPT_SET_DIRTY_TRACKING', { hwpt_id: '$pt', flags: 0 }],
      ['IOMMU_HWPT_GET_DIRTY_BITMAP', { hwpt_id: '$pt', iova: 0, length: 4096, page_size: 4096 }],
    ];
    expect(outcomes(MACHINE, steps).slice(-3)).toEqual(['EOPNOTSUPP', 'EOPNOTSUPP', 'EOPNOTSUPP']);
  });

  it('12: length 0 is EOVERFLOW, except from IOVA 0, where it is all 64 bits', () => {
    const steps = [...TRACKED, map(0, 8192), track(true), write(4096), getDirty(4096, 0), getDirty(0, 0)];
    const [refused, whole] = answers(MACHINE, steps).slice(-2);
    expect(refused).toMatchObject({ errno: 'EOVERFLOW' });
    expect(whole).toMatchObject({ ok: true, out: { count: 0 } });
    expect(last(MACHINE, [...steps, getDirty(0, 8192)]).out.count).toBe(0);
  });

  it('16: a contiguous leaf of AMD is reported whole', () => {
    const machine = { ...MACHINE, iommu: { format: 'amd-v1', page_sizes: [4096, 16384, 65536] } };
    const steps = [...TRACKED, map(0, 0x18000), track(true), write(0x3000), write(0x10000), getDirty(0, 0x18000)];
    expect(last(machine, steps).out.dirty).toEqual([[0, 19]]);
  });
});

describe('unmap', () => {
  it('7: iommufd removes areas below the one it bisects, and answers ENOENT', () => {
    const steps = [ALLOC, map(0, 4096), map(4096, 8192), unmap(0, 8192), unmap(0, 4096), unmap(4096, 8192)];
    expect(outcomes(MACHINE, steps).slice(-3)).toEqual(['ENOENT', 'ENOENT', 'ok']);
  });

  it('7: type1 v2 refuses a range that bisects before it touches anything, and finds nothing an easy success', () => {
    const machine = type1('type1v2', [{ name: 'dev0' }]);
    const steps = [
      ATTACH_TYPE1('dev0'),
      CONTAINER_MAP(0, 4096),
      CONTAINER_MAP(4096, 8192),
      CONTAINER_UNMAP(0, 8192),
      CONTAINER_UNMAP(0x100000, 4096),
      CONTAINER_UNMAP(0, 12288),
    ];
    const results = answers(machine, steps).slice(-3);
    expect(results.map(({ errno, out }) => errno ?? out.size)).toEqual(['EINVAL', 0, 12288]);
  });

  it('7: the compatibility layer answers ENOENT to bisection and success to nothing', () => {
    const steps: StepWords[] = [
      ALLOC,
      ['IOMMU_VFIO_IOAS', { op: 1, ioas_id: '$ioas' }],
      CONTAINER_MAP(0, 8192),
      CONTAINER_UNMAP(0, 4096),
      CONTAINER_UNMAP(0x100000, 4096),
    ];
    const results = answers(MACHINE, steps).slice(-2);
    expect(results.map(({ errno, out }) => [errno, out.size])).toEqual([
      ['ENOENT', 0],
      [undefined, 0],
    ]);
  });

  it('7: a type1 v1 container of the compatibility layer cuts areas at both ends', () => {
    const steps: StepWords[] = [
      ALLOC,
      ['IOMMU_VFIO_IOAS', { op: 1, ioas_id: '$ioas' }],
      ['VFIO_SET_IOMMU', { type: 1 }],
      ATTACH,
      CONTAINER_MAP(0, 16384),
      CONTAINER_UNMAP(4096, 8192),
      write(0),
      write(4096),
      write(12288),
      ['pins.count'],
    ];
    const results = answers(MACHINE, steps).slice(-5);
    expect(results.map(({ errno, out }) => errno ?? out.size ?? out.bytes ?? out.locked_pages)).toEqual([
      8192,
      1,
      'EFAULT',
      1,
      2,
    ]);
  });
});

describe('IOAS', () => {
  const copy = (src: number, length: number, dst: number, flags = FIXED): StepWords => [
    'IOMMU_IOAS_COPY',
    { src_ioas_id: '$ioas', dst_ioas_id: '$other', flags, src_iova: src, dst_iova: dst, length },
  ];
  const OTHER: StepWords = ['IOMMU_IOAS_ALLOC', {}, 'other'];

  it('8: COPY takes a part of an area, and spans neighbours: each becomes an area of its own', () => {
    const steps: StepWords[] = [
      ALLOC,
      OTHER,
      map(0, 8192),
      map(8192, 8192),
      copy(4096, 8192, 0x100000),
      ['IOMMU_IOAS_UNMAP', { ioas_id: '$other', iova: 0x100000, length: 4096 }],
      ['IOMMU_IOAS_UNMAP', { ioas_id: '$other', iova: 0x101000, length: 4096 }],
      copy(4096, 16384, 0x200000),
    ];
    expect(outcomes(MACHINE, steps).slice(-4)).toEqual(['ok', 'ok', 'ok', 'ENOENT']);
  });

  it('8: WRITEABLE from memory pinned read-only is EPERM; its pages are charged once', () => {
    const steps: StepWords[] = [
      ALLOC,
      OTHER,
      map(0, 8192, { flags: 5 }),
      copy(0, 8192, 0, FIXED),
      copy(0, 8192, 0, 5),
      ['device.attach', { device: 'dev0', to: '$ioas' }],
      ['device.attach', { device: 'dev1', to: '$other' }],
      ['pins.count'],
      unmap(0, 8192),
      ['pins.count'],
    ];
    const machine = { ...MACHINE, devices: [{ name: 'dev0' }, { name: 'dev1' }] };
    const results = answers(machine, steps);
    expect(results.map(({ errno, out }) => errno ?? out.locked_pages ?? 'ok').slice(3)).toEqual([
      'EPERM',
      'ok',
      'ok',
      'ok',
      2,
      'ok',
      2,
    ]);
  });

  it('9: a HWPT narrows the IOAS though nothing is attached; an automatic one widens it again when its device leaves', () => {
    const machine = { ...MACHINE, iommu: { ...MACHINE.iommu, format: 'vtd-ss' } };
    const ranges: StepWords = ['IOMMU_IOAS_IOVA_RANGES', { ioas_id: '$ioas', num_iovas: 4 }];
    const steps: StepWords[] = [
      ALLOC,
      HWPT,
      ranges,
      ['IOMMU_DESTROY', { id: '$hwpt' }],
      ranges,
      ATTACH,
      ranges,
      ['device.detach', { device: 'dev0' }],
      ranges,
    ];
    const narrow = [{ start: 0, last: 2 ** 48 - 1 }];
    const wide = [{ start: 0, last: '0xffffffffffffffff' }];
    const found = answers(machine, steps).filter(({ call }) => call === 'IOMMU_IOAS_IOVA_RANGES');
    expect(found.map(({ out }) => [out.allowed_iovas, out.out_iova_alignment])).toEqual([
      [narrow, 4096],
      [wide, 1],
      [narrow, 4096],
      [wide, 1],
    ]);
  });

  it('10: without a domain nothing is pinned: EFAULT and ENOMEM come at the attach', () => {
    const outside = map(0, 4096, { user_va: 4096 });
    expect(outcomes(MACHINE, [ALLOC, outside, ATTACH, ['pins.count']]).slice(1, 3)).toEqual(['ok', 'EFAULT']);
    const machine = { ...MACHINE, memlock_limit: 8192 };
    const steps: StepWords[] = [ALLOC, map(0, 12288), ATTACH, ['pins.count'], unmap(0, 12288), map(0, 8192), ATTACH];
    expect(outcomes(machine, steps).slice(1)).toEqual(['ok', 'ENOMEM', 'ok', 'ok', 'ok', 'ok']);
    expect(answers(machine, steps)[3]!.out.locked_pages).toBe(0);
    expect(outcomes(machine, [ALLOC, ATTACH, map(0, 12288), outside])).toEqual(['ok', 'ok', 'ENOMEM', 'EFAULT']);
  });

  it('11: allowed ranges steer the choice of an IOVA, but do not confine fixed ones; they stop narrowing', () => {
    const machine = { ...MACHINE, iommu: { ...MACHINE.iommu, reserved: [[0x40000000, 0x4fffffff]] } };
    const allow: StepWords = [
      'IOMMU_IOAS_ALLOW_IOVAS',
      { ioas_id: '$ioas', allowed_iovas: [{ start: 0x40000000, last: 0x5fffffff }] },
    ];
    const steps: StepWords[] = [
      ALLOC,
      allow,
      map(0, 4096),
      ['IOMMU_IOAS_MAP', { ioas_id: '$ioas', flags: RW, user_va: BASE_VA, length: 4096 }],
      ATTACH,
    ];
    const results = answers(machine, steps);
    expect(results[2]).toMatchObject({ ok: true });
    expect(results[3]!.out.iova).toBe(0x40000000);
    expect(results[4]).toMatchObject({ errno: 'EADDRINUSE' });
  });

  it('15: SMMUv3 offers no tracking together with nesting; VT-d nest parents refuse read-only maps', () => {
    const nestParent = (flags: number): StepWords => ['IOMMU_HWPT_ALLOC', { dev_id: '$dev0', pt_id: '$ioas', flags }];
    const arm = { ...MACHINE, iommu: { format: 'arm-lpae-s2', page_sizes: [4096] } };
    expect(outcomes(arm, [ALLOC, nestParent(1), nestParent(3), nestParent(2)]).slice(1)).toEqual([
      'ok',
      'EOPNOTSUPP',
      'EOPNOTSUPP',
    ]);
    const vtd = { ...MACHINE, iommu: { format: 'vtd-ss', page_sizes: [4096] } };
    expect(outcomes(vtd, [ALLOC, nestParent(3), map(0, 4096, { flags: 5 }), map(0, 4096)]).slice(1)).toEqual([
      'ok',
      'EINVAL',
      'ok',
    ]);
  });
});

describe('type1 dirty pages', () => {
  it('13: with one ordinary device everything mapped is dirty, at every read', () => {
    const machine = type1('type1v2', [{ name: 'dev0' }]);
    const steps = [ATTACH_TYPE1('dev0'), CONTAINER_MAP(0, 16384), START, READ_BITS(0, 32768), READ_BITS(0, 32768)];
    expect(
      answers(machine, steps)
        .slice(-2)
        .map(({ out }) => out.dirty),
    ).toEqual([[[0, 3]], [[0, 3]]]);
  });

  it('13: a page a mediated device unpinned is reported once more, then no longer', () => {
    const machine = type1('type1v2', [{ name: 'mdev0', kind: 'mdev' }]);
    const steps: StepWords[] = [
      ATTACH_TYPE1('mdev0'),
      CONTAINER_MAP(0, 16384),
      START,
      ['mdev.pin', { device: 'mdev0', iova: 4096, npage: 2 }],
      READ_BITS(0, 16384),
      ['mdev.unpin', { device: 'mdev0', iova: 4096, npage: 1 }],
      READ_BITS(0, 16384),
      READ_BITS(0, 16384),
    ];
    expect(
      answers(machine, steps)
        .filter(({ out }) => out.dirty !== undefined)
        .map(({ out }) => out.dirty),
    ).toEqual([[[1, 2]], [[1, 2]], [[2, 2]]]);
  });

  it('14: an unmap with dirty bitmap takes several whole mappings with gaps, each at its place', () => {
    const machine = type1('type1v2', [{ name: 'dev0' }]);
    const steps = [
      ATTACH_TYPE1('dev0'),
      CONTAINER_MAP(4096, 8192),
      CONTAINER_MAP(0x10000, 4096),
      START,
      CONTAINER_UNMAP(0, 0x20000, { flags: 1, bitmap: { pgsize: 4096, size: 8 } }),
      READ_BITS(0, 0x20000),
    ];
    const [unmapped, read] = answers(machine, steps).slice(-2);
    expect(unmapped!.out).toMatchObject({
      size: 12288,
      dirty: [
        [1, 2],
        [16, 16],
      ],
    });
    expect(read!.out.count).toBe(0);
  });

  it('a terabyte of mapping takes no terabyte of time', () => {
    const machine = { ...type1('type1v2', [{ name: 'dev0' }]), memory: { size: 1024 * GIB } };
    const withSizes = { ...machine, iommu: { format: 'amd-v1', page_sizes: [4096, 2 * MIB, GIB] } };
    const size = 1024 * GIB;
    const steps = [ATTACH_TYPE1('dev0'), CONTAINER_MAP(0, size), START, READ_BITS(0, size)];
    expect(last(withSizes, steps).out.count).toBe(2 ** 28);
  });
});
