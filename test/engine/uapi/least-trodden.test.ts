// Rules of the uAPI that are seldom met: each is a script, settled against the kernel's source named with it.
import { describe, expect, it } from 'vitest';
import {
  ALLOC,
  ATTACH,
  ATTACH_HWPT,
  BASE_VA,
  FIXED,
  HWPT,
  MACHINE,
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

const U64 = '0xffffffffffffffff';
const RANGES: StepWords = ['IOMMU_IOAS_IOVA_RANGES', { ioas_id: '$ioas', num_iovas: 16 }];
const OTHER: StepWords = ['IOMMU_IOAS_ALLOC', {}, 'other'];
const RESERVED = [0xfee00000, 0xfeefffff];
/** Two devices; the second cannot track. */
const TWO = {
  iommu: { format: 'amd-v1', page_sizes: [4096, 0x200000], reserved: [RESERVED] },
  devices: [{ name: 'dev0' }, { name: 'dev1', dirty_tracking: false }],
};
const starts = (machine: object, steps: readonly StepWords[]): unknown[] =>
  (last(machine, [...steps, RANGES]).out['allowed_iovas'] as { start: unknown }[]).map(({ start }) => start);
const PLAIN: StepWords = ['IOMMU_HWPT_ALLOC', { dev_id: '$dev0', pt_id: '$ioas', flags: 0 }, 'plain'];

describe('replace (device.c)', () => {
  it('to the HWPT in use does nothing and succeeds', () => {
    expect(
      outcomes(MACHINE, [ALLOC, HWPT, ATTACH_HWPT, ['device.replace', { device: 'dev0', to: '$hwpt' }]]).at(-1),
    ).toBe('ok');
  });

  it('to another IOAS frees the reserved regions of the old and reserves them in the new', () => {
    const moved: StepWords[] = [
      ALLOC,
      OTHER,
      ['device.attach', { device: 'dev1', to: '$ioas' }],
      ['device.replace', { device: 'dev1', to: '$other' }],
    ];
    expect(starts(TWO, moved)).toEqual([0]);
    const ranges = last(TWO, [...moved, ['IOMMU_IOAS_IOVA_RANGES', { ioas_id: '$other', num_iovas: 16 }]]);
    expect(ranges.out['num_iovas']).toBe(2);
  });

  it('that fails at the driver leaves the attachment, and opens the reserved regions of an IOAS that both have', () => {
    const failed: StepWords[] = [
      ALLOC,
      HWPT,
      PLAIN,
      ['device.attach', { device: 'dev1', to: '$plain' }],
      ['device.replace', { device: 'dev1', to: '$hwpt' }],
    ];
    expect(outcomes(TWO, [...failed, ['device.dma', { device: 'dev1', op: 'write', iova: 0, length: 1 }]])).toEqual([
      'ok',
      'ok',
      'ok',
      'ok',
      'EINVAL',
      'EFAULT',
    ]);
    expect(starts(TWO, failed.slice(0, 4))).toEqual([0, RESERVED[1]! + 1]);
    expect(starts(TWO, failed)).toEqual([0]);
    expect(outcomes(TWO, [...failed, map(RESERVED[0]!, 4096, { user_va: BASE_VA })]).at(-1)).toBe('ok');
  });

  it('that fails in another IOAS leaves nothing there, and the old regions where they are', () => {
    const failed: StepWords[] = [
      ALLOC,
      OTHER,
      ['device.attach', { device: 'dev1', to: '$ioas' }],
      ['IOMMU_HWPT_ALLOC', { dev_id: '$dev0', pt_id: '$other', flags: 2 }, 'there'],
      ['device.replace', { device: 'dev1', to: '$there' }],
    ];
    expect(outcomes(TWO, failed).at(-1)).toBe('EINVAL');
    expect(starts(TWO, failed)).toEqual([0, RESERVED[1]! + 1]);
    expect(
      last(TWO, [...failed, ['IOMMU_IOAS_IOVA_RANGES', { ioas_id: '$other', num_iovas: 16 }]]).out['num_iovas'],
    ).toBe(1);
  });

  it('of a device that is not attached is EINVAL; to an id of nothing ENOENT; to a device EINVAL', () => {
    const to = (target: unknown, ...before: StepWords[]): string =>
      outcomes(MACHINE, [ALLOC, HWPT, ...before, ['device.replace', { device: 'dev0', to: target }]]).at(-1)!;
    expect([to('$hwpt'), to(999), to('$ioas'), to('$dev0', ATTACH_HWPT)]).toEqual([
      'EINVAL',
      'ENOENT',
      'EINVAL',
      'EINVAL',
    ]);
  });

  it('the automatic HWPT of the old attachment dies with the replace', () => {
    const steps: StepWords[] = [
      ALLOC,
      ATTACH,
      HWPT,
      ['device.replace', { device: 'dev0', to: '$hwpt' }],
      ['IOMMU_DESTROY', { id: '$pt' }],
    ];
    expect(outcomes(MACHINE, steps).at(-1)).toBe('ENOENT');
  });

  it('no dirty bit moves with it', () => {
    const steps: StepWords[] = [
      ALLOC,
      HWPT,
      ['IOMMU_HWPT_ALLOC', { dev_id: '$dev0', pt_id: '$ioas', flags: 2 }, 'second'],
      map(0, 8192),
      ATTACH_HWPT,
      track(true),
      write(0),
      ['device.replace', { device: 'dev0', to: '$second' }],
      ['IOMMU_HWPT_GET_DIRTY_BITMAP', { hwpt_id: '$second', iova: 0, length: 8192, page_size: 4096 }],
      getDirty(0, 8192),
    ];
    expect(
      answers(MACHINE, steps)
        .slice(-2)
        .map(({ out }) => out['count']),
    ).toEqual([0, 1]);
  });
});

describe('detach and what an IOAS allows (io_pagetable.c)', () => {
  it('a user-made HWPT keeps narrowing after its device went, until it is destroyed', () => {
    const machine = { ...TWO, iommu: { format: 'vtd-ss', page_sizes: [4096] }, devices: [{ name: 'dev0' }] };
    const gone: StepWords[] = [ALLOC, HWPT, ATTACH_HWPT, ['device.detach', { device: 'dev0' }]];
    const lastOf = (steps: readonly StepWords[]): unknown =>
      (last(machine, [...steps, RANGES]).out['allowed_iovas'] as { last: unknown }[]).at(-1)!.last;
    expect(lastOf(gone)).toBe(2 ** 48 - 1);
    expect(lastOf([...gone, ['IOMMU_DESTROY', { id: '$hwpt' }]])).toBe(U64);
  });

  it('a list longer than the caller’s memory is EFAULT and changes nothing, unless what can be read is wrong already', () => {
    const list = (ranges: readonly (readonly [number, number])[], more: object = {}): StepWords => [
      'IOMMU_IOAS_ALLOW_IOVAS',
      { ioas_id: '$ioas', allowed_iovas: ranges.map(([start, last]) => ({ start, last })), ...more },
    ];
    const anywhere: StepWords = ['IOMMU_IOAS_MAP', { ioas_id: '$ioas', flags: 6, user_va: BASE_VA, length: 4096 }];
    const results = answers(MACHINE, [
      ALLOC,
      list([[0x10000, 0x1ffff]]),
      list([[0x30000, 0x3ffff]], { num_iovas: 2 }),
      list([[0x30000, 0x30000]], { num_iovas: 2 }),
      anywhere,
    ]);
    expect(results.slice(2).map(({ errno, out }) => errno ?? out['iova'])).toEqual(['EFAULT', 'EINVAL', 0x10000]);
  });

  it('allowed ranges stop an attach whose regions they meet, and steer only automatic maps', () => {
    const allow = (start: number, end: number): StepWords => [
      'IOMMU_IOAS_ALLOW_IOVAS',
      { ioas_id: '$ioas', allowed_iovas: [{ start, last: end }] },
    ];
    const attach: StepWords = ['device.attach', { device: 'dev0', to: '$ioas' }];
    expect(outcomes(TWO, [ALLOC, allow(RESERVED[0]!, RESERVED[0]! + 4095), attach]).at(-1)).toBe('EADDRINUSE');
    const results = answers(TWO, [
      ALLOC,
      allow(0x10000000, 0x10ffffff),
      map(0x20000000, 4096, { user_va: BASE_VA }),
      ['IOMMU_IOAS_MAP', { ioas_id: '$ioas', flags: 6, user_va: BASE_VA, length: 4096 }],
    ]);
    expect(results.slice(-2).map(({ out }) => out['iova'])).toEqual([0x20000000, 0x10000000]);
  });

  it('one-byte and overlapping allowed ranges are EINVAL, and the old list stays', () => {
    const allow = (...ranges: [number, number][]): StepWords => [
      'IOMMU_IOAS_ALLOW_IOVAS',
      { ioas_id: '$ioas', allowed_iovas: ranges.map(([start, end]) => ({ start, last: end })) },
    ];
    const steps: StepWords[] = [
      ALLOC,
      allow([0x10000000, 0x10000fff]),
      allow([5, 5]),
      allow([0, 0xfff], [0xfff, 0x1fff]),
      ['IOMMU_IOAS_MAP', { ioas_id: '$ioas', flags: 6, user_va: BASE_VA, length: 4096 }, 'm'],
      ['IOMMU_IOAS_MAP', { ioas_id: '$ioas', flags: 6, user_va: BASE_VA, length: 4096 }],
      allow(),
      ['IOMMU_IOAS_MAP', { ioas_id: '$ioas', flags: 6, user_va: BASE_VA, length: 4096 }],
    ];
    // A hole whose aligned start is its last byte would not be taken; a whole page is.
    expect(outcomes(MACHINE, steps)).toEqual(['ok', 'ok', 'EINVAL', 'EINVAL', 'ok', 'ENOSPC', 'ok', 'ok']);
  });

  it('an IOAS with an HWPT or an access cannot be destroyed; with areas alone it can', () => {
    const destroy: StepWords = ['IOMMU_DESTROY', { id: '$ioas' }];
    expect(outcomes(MACHINE, [ALLOC, HWPT, destroy]).at(-1)).toBe('EBUSY');
    expect(outcomes(MACHINE, [ALLOC, ['access.create', { ioas: '$ioas' }, 'a'], destroy]).at(-1)).toBe('EBUSY');
    expect(outcomes(MACHINE, [ALLOC, map(0, 4096), destroy]).at(-1)).toBe('ok');
    expect(outcomes(MACHINE, [['IOMMU_DESTROY', { id: '$dev0' }]])).toEqual(['EBUSY']);
    expect(outcomes(MACHINE, [['IOMMU_DESTROY', { id: 0 }]])).toEqual(['ENOENT']);
  });
});

describe('ends of the address space', () => {
  it('the last page can be mapped, unmapped and read; a byte more wraps', () => {
    const top = '0xfffffffffffff000';
    const at = (length: number, iova: string): StepWords => [
      'IOMMU_IOAS_MAP',
      { ioas_id: '$ioas', flags: FIXED, user_va: BASE_VA, length, iova },
    ];
    expect(
      outcomes(MACHINE, [
        ALLOC,
        at(4096, top),
        at(8192, top),
        ['IOMMU_IOAS_UNMAP', { ioas_id: '$ioas', iova: top, length: 4096 }],
      ]),
    ).toEqual(['ok', 'ok', 'EOVERFLOW', 'ok']);
    expect(outcomes(MACHINE, [ALLOC, ['IOMMU_IOAS_UNMAP', { ioas_id: '$ioas', iova: top, length: 8192 }]]).at(-1)).toBe(
      'EOVERFLOW',
    );
    expect(outcomes(MACHINE, [ALLOC, HWPT, getDirty(0, 4096, { iova: top, length: 8192 })]).at(-1)).toBe('EOVERFLOW');
    expect(outcomes(MACHINE, [ALLOC, HWPT, getDirty(0, 4096, { iova: top })]).at(-1)).toBe('ok');
  });

  it('unmap: everything is iova 0 with length U64_MAX alone; 0 with less finds nothing', () => {
    const all = (iova: number | string, length: number | string): StepWords => [
      'IOMMU_IOAS_UNMAP',
      { ioas_id: '$ioas', iova, length },
    ];
    const results = answers(MACHINE, [
      ALLOC,
      all(0, U64),
      map(0x1000, 4096),
      all(0x1000, U64),
      all(0, '0xfffffffffffffffe'),
      all(0, U64),
    ]);
    expect(results.map(({ errno, out }) => errno ?? out['length'] ?? out['iova'] ?? 'ok')).toEqual([
      'ok',
      0,
      0x1000,
      'EOVERFLOW',
      4096,
      0,
    ]);
  });

  it('unmap goes upward and is not atomic: what lies below the area that is cut is gone', () => {
    const steps: StepWords[] = [
      ALLOC,
      map(0, 4096),
      map(0x1000, 8192),
      unmap(0, 8192),
      unmap(0, 4096),
      unmap(0x1000, 8192),
    ];
    expect(outcomes(MACHINE, steps)).toEqual(['ok', 'ok', 'ok', 'ENOENT', 'ENOENT', 'ok']);
  });

  it('GET_DIRTY_BITMAP of length 0: EOVERFLOW above 0; at 0 it is the whole space, which ends at the first hole', () => {
    expect(outcomes(MACHINE, [ALLOC, HWPT, getDirty(4096, 0)]).at(-1)).toBe('EOVERFLOW');
    expect(outcomes(MACHINE, [ALLOC, HWPT, getDirty(0, 0)]).at(-1)).toBe('ok');
  });
});

describe('dirty tracking (hw_pagetable.c, io_pagetable.c)', () => {
  const tracked: readonly StepWords[] = [ALLOC, HWPT, map(0, 0x4000), ATTACH_HWPT, track(true)];
  const counts = (steps: readonly StepWords[]): unknown[] =>
    answers(MACHINE, steps)
      .filter(({ call }) => call.endsWith('BITMAP'))
      .map(({ out, errno }) => errno ?? out['count']);

  it('NO_CLEAR reads and leaves; the next read still has it; then it is clean', () => {
    expect(
      counts([...tracked, write(0, 8192), getDirty(0, 0x4000, { flags: 1 }), getDirty(0, 0x4000), getDirty(0, 0x4000)]),
    ).toEqual([2, 2, 0]);
  });

  it('enabling again drops what was not read; disabling keeps it readable', () => {
    expect(counts([...tracked, write(0), track(true), getDirty(0, 0x4000)])).toEqual([0]);
    expect(counts([...tracked, write(0), track(false), write(0x1000), getDirty(0, 0x4000)])).toEqual([1]);
  });

  it('unknown flags, reserved fields, page_size 0 and what is no multiple of it', () => {
    const ask = (more: object): unknown => counts([...tracked, getDirty(0, 0x4000, { ...more })])[0];
    expect([
      ask({ flags: 2 }),
      ask({ __reserved: 1 }),
      ask({ page_size: 0 }),
      ask({ iova: 0x800, length: 0x800 }),
    ]).toEqual(['EOPNOTSUPP', 'EOPNOTSUPP', 'EINVAL', 'EINVAL']);
    expect([ask({ page_size: 0x8000 }), ask({ page_size: 0x1000, length: 0x1800 })]).toEqual(['EINVAL', 'EINVAL']);
    // Not a power of two: the mask of the check is what it is, and a bit stands for the lowest power in it.
    expect(ask({ page_size: 0x3000, length: 0x3000 })).toBe('EINVAL');
    expect(counts([...tracked, write(0), getDirty(0, 0x4000, { page_size: 0x3000 })])).toEqual([1]);
    expect(
      outcomes(MACHINE, [
        ...tracked,
        ['IOMMU_HWPT_SET_DIRTY_TRACKING', { hwpt_id: '$hwpt', flags: 1, __reserved: 7 }],
      ]).at(-1),
    ).toBe('ok');
    expect(
      outcomes(MACHINE, [...tracked, ['IOMMU_HWPT_SET_DIRTY_TRACKING', { hwpt_id: '$hwpt', flags: 2 }]]).at(-1),
    ).toBe('EOPNOTSUPP');
  });

  it('a coarser page_size gathers pages, a finer one than the leaf spreads them', () => {
    expect(counts([...tracked, write(0x1000), getDirty(0, 0x4000, { page_size: 0x2000 })])).toEqual([1]);
    expect(counts([ALLOC, HWPT, map(0, 0x200000), ATTACH_HWPT, track(true), write(5), getDirty(0, 0x200000)])).toEqual([
      512,
    ]);
  });

  it('reading half a huge leaf eats the dirt of the other half', () => {
    const huge: StepWords[] = [ALLOC, HWPT, map(0, 0x200000), ATTACH_HWPT, track(true), write(0x1ff000)];
    expect(counts([...huge, getDirty(0, 0x100000), getDirty(0x100000, 0x100000)])).toEqual([256, 0]);
  });

  it('a HWPT without the flag can neither be switched nor read; SET on an IOAS or a nested HWPT is ENOENT', () => {
    const set = (id: string): StepWords => ['IOMMU_HWPT_SET_DIRTY_TRACKING', { hwpt_id: id, flags: 0 }];
    const read: StepWords = [
      'IOMMU_HWPT_GET_DIRTY_BITMAP',
      { hwpt_id: '$plain', iova: 0, length: 4096, page_size: 4096 },
    ];
    expect(outcomes(MACHINE, [ALLOC, PLAIN, set('$plain'), read, set('$ioas')]).slice(2)).toEqual([
      'EOPNOTSUPP',
      'EOPNOTSUPP',
      'ENOENT',
    ]);
  });

  it('a DIRTY_TRACKING HWPT refuses a device that cannot track, a plain one takes it; ALLOC for that device is EOPNOTSUPP', () => {
    expect(
      outcomes(TWO, [
        ALLOC,
        HWPT,
        PLAIN,
        ['device.attach', { device: 'dev1', to: '$hwpt' }],
        ['device.attach', { device: 'dev1', to: '$plain' }],
      ]).slice(3),
    ).toEqual(['EINVAL', 'ok']);
    expect(outcomes(TWO, [ALLOC, ['IOMMU_HWPT_ALLOC', { dev_id: '$dev1', pt_id: '$ioas', flags: 2 }]]).at(-1)).toBe(
      'EOPNOTSUPP',
    );
  });
});

describe('nested HWPTs and invalidation (hw_pagetable.c, intel/nested.c)', () => {
  const VTD = { iommu: { format: 'vtd-ss', page_sizes: [4096, 0x200000] }, devices: [{ name: 'dev0' }] };
  const parent: StepWords = ['IOMMU_HWPT_ALLOC', { dev_id: '$dev0', pt_id: '$ioas', flags: 3 }, 'hwpt'];
  const nested = (more: object = {}): StepWords => [
    'IOMMU_HWPT_ALLOC',
    { dev_id: '$dev0', pt_id: '$hwpt', flags: 0, data_type: 1, ...more },
    'nested',
  ];
  const invalidate = (more: object): StepWords => [
    'IOMMU_HWPT_INVALIDATE',
    { hwpt_id: '$nested', data_type: 0, entry_len: 24, entry_num: 1, ...more },
  ];

  it('a stage 1 needs a nest parent, data and no other flag', () => {
    expect(outcomes(VTD, [ALLOC, parent, nested()]).at(-1)).toBe('ok');
    expect(outcomes(VTD, [ALLOC, HWPT, nested()]).at(-1)).toBe('EINVAL');
    expect(outcomes(VTD, [ALLOC, parent, nested({ flags: 2 })]).at(-1)).toBe('EOPNOTSUPP');
    expect(outcomes(VTD, [ALLOC, parent, nested({ data_type: 2 })]).at(-1)).toBe('EOPNOTSUPP');
    expect(outcomes(VTD, [ALLOC, parent, nested({ data_len: 8 })]).at(-1)).toBe('EINVAL');
    expect(outcomes(VTD, [ALLOC, parent, nested({ data_type: 0, data_len: 8 })]).at(-1)).toBe('EINVAL');
  });

  it('the parent is busy while its stage 1 lives, and still tracks', () => {
    const steps: StepWords[] = [
      ALLOC,
      parent,
      nested(),
      ['IOMMU_DESTROY', { id: '$hwpt' }],
      track(true),
      ['IOMMU_DESTROY', { id: '$nested' }],
      ['IOMMU_DESTROY', { id: '$hwpt' }],
    ];
    expect(outcomes(VTD, steps).slice(3)).toEqual(['EBUSY', 'ok', 'ok', 'ok']);
  });

  it('a nest parent on VT-d refuses read-only maps', () => {
    expect(outcomes(VTD, [ALLOC, parent, map(0, 4096, { flags: 5 }), map(0, 4096)]).slice(2)).toEqual(['EINVAL', 'ok']);
  });

  it('invalidate tells how many entries were handled, also when one is refused', () => {
    const good = { addr: 0, npages: 1, flags: 0 };
    const run = (more: object): unknown[] => {
      const { errno, out } = last(VTD, [ALLOC, parent, nested(), invalidate(more)]);
      return [errno ?? 'ok', out['entry_num']];
    };
    expect(run({ entry_num: 2, data: [good, good] })).toEqual(['ok', 2]);
    expect(run({ entry_num: 3, data: [good, { ...good, addr: 1 }, good] })).toEqual(['EINVAL', 1]);
    expect(run({ entry_num: 2, data: [good, { ...good, flags: 2 }] })).toEqual(['EOPNOTSUPP', 1]);
    expect(run({ data: [{ addr: 0x1000, npages: U64, flags: 0 }] })).toEqual(['EINVAL', 0]);
    expect(run({ data: [{ addr: 0, npages: U64, flags: 0 }] })).toEqual(['ok', 1]);
    expect(run({ entry_num: 0, entry_len: 0 })).toEqual(['ok', 0]);
    expect(run({ data_type: 1, data: [good] })).toEqual(['EINVAL', 0]);
    expect(run({ entry_len: 16, data: [good] })).toEqual(['EINVAL', 0]);
    expect(run({ __reserved: 1, data: [good] })).toEqual(['EOPNOTSUPP', 0]);
    expect(run({})).toEqual(['EINVAL', 0]);
    expect(run({ hwpt_id: '$hwpt', data: [good] })).toEqual(['EINVAL', 0]);
    expect(run({ hwpt_id: 999, data: [good] })).toEqual(['ENOENT', 0]);
  });
});

describe('invalidation through a vIOMMU (arm-smmu-v3-iommufd.c, selftest.c)', () => {
  const run = (format: string, type: number, dataType: number | string, more: object): unknown[] => {
    const machine = { iommu: { format, page_sizes: [4096] }, devices: [{ name: 'dev0' }] };
    const { errno, out } = last(machine, [
      ALLOC,
      ['IOMMU_HWPT_ALLOC', { dev_id: '$dev0', pt_id: '$ioas', flags: 1 }, 'parent'],
      ['IOMMU_VIOMMU_ALLOC', { dev_id: '$dev0', hwpt_id: '$parent', type }, 'viommu'],
      ['IOMMU_VDEVICE_ALLOC', { viommu_id: '$viommu', dev_id: '$dev0', virt_id: 7 }],
      ['IOMMU_HWPT_INVALIDATE', { hwpt_id: '$viommu', data_type: dataType, entry_len: 16, entry_num: 1, ...more }],
    ]);
    return [errno ?? 'ok', out['entry_num']];
  };
  const smmu = (more: object): unknown[] => run('arm-lpae-s2', 1, 'IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3', more);
  const mock = (more: object): unknown[] => run('mock', 0xdeadbeef, 'IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST', more);
  const TLBI_NH_ALL = 0x10;
  const streamOf = (id: number): string => `0x${((BigInt(id) << 32n) | 0x40n).toString(16)}`;

  it('SMMUv3 takes TLB commands, and those of a stream that a vdevice has', () => {
    expect(smmu({ data: [{ cmd: TLBI_NH_ALL }] })).toEqual(['ok', 1]);
    expect(smmu({ entry_num: 2, data: [{ cmd: TLBI_NH_ALL }, { cmd: streamOf(7) }] })).toEqual(['ok', 2]);
    expect(smmu({ entry_num: 2, data: [{ cmd: TLBI_NH_ALL }, { cmd: streamOf(8) }] })).toEqual(['EIO', 1]);
    expect(smmu({ data: [{ cmd: 0x46 }] })).toEqual(['EIO', 0]);
    expect(smmu({ data_type: 0, data: [{ cmd: TLBI_NH_ALL }] })).toEqual(['EINVAL', 0]);
  });

  it('the selftest’s wants one of four caches of a vdevice, and reads the whole array before it starts', () => {
    expect(mock({ data: [{ vdev_id: 7, cache_id: 3 }] })).toEqual(['ok', 1]);
    expect(mock({ data: [{ vdev_id: 7, flags: ['IOMMU_TEST_INVALIDATE_FLAG_ALL'] }] })).toEqual(['ok', 1]);
    expect(mock({ data: [{ vdev_id: 7, flags: 2 }] })).toEqual(['EOPNOTSUPP', 0]);
    expect(mock({ entry_num: 2, data: [{ vdev_id: 7 }, { vdev_id: 7, cache_id: 4 }] })).toEqual(['EINVAL', 1]);
    expect(mock({ data: [{ vdev_id: 6 }] })).toEqual(['EINVAL', 0]);
    expect(mock({ entry_num: 2, data: [{ vdev_id: 7 }] })).toEqual(['EFAULT', 0]);
    expect(mock({ entry_num: 0, data: [] })).toEqual(['ok', 0]);
  });
});

describe('numbers by name', () => {
  it('every flags field takes an array, also those of calls that know no flag', () => {
    const flags = (call: string, more: object = {}): string[] =>
      [[], [1]].map((value) => outcomes(MACHINE, [ALLOC, [call, { flags: value, ...more }]]).at(-1)!);
    expect(flags('IOMMU_IOAS_ALLOC')).toEqual(['ok', 'EOPNOTSUPP']);
    expect(flags('IOMMU_FAULT_QUEUE_ALLOC')).toEqual(['ok', 'EOPNOTSUPP']);
    expect(flags('IOMMU_VIOMMU_ALLOC', { dev_id: 99, type: 1 })).toEqual(['ENOENT', 'EOPNOTSUPP']);
  });
});

describe('accesses (device.c, pages.c)', () => {
  it('write by what the memory was mapped for first, not by the area they go through', () => {
    const copied = (flags: number): StepWords[] => [
      ALLOC,
      ['access.create', { ioas: '$ioas' }, 'a'],
      map(0, 4096, { flags: flags | 1 }),
      [
        'IOMMU_IOAS_COPY',
        { dst_ioas_id: '$ioas', src_ioas_id: '$ioas', flags: 5, length: 4096, src_iova: 0, dst_iova: 0x10000 },
      ],
      ['access.pin', { access: '$a', iova: 0x10000, length: 4096, write: true }],
      ['access.rw', { access: '$a', iova: 0x10000, length: 1, op: 'write' }],
    ];
    expect(outcomes(MACHINE, copied(6)).slice(4)).toEqual(['ok', 'ok']);
    expect(outcomes(MACHINE, copied(4)).slice(4)).toEqual(['EPERM', 'EPERM']);
  });

  const A: StepWords = ['access.create', { ioas: '$ioas' }, 'a'];
  const pin = (iova: number, length: number, more: object = {}): StepWords => [
    'access.pin',
    { access: '$a', iova, length, ...more },
    'pin',
  ];

  it('pins across adjacent areas are one pin, charged by area; a hole undoes all of it', () => {
    const steps: StepWords[] = [
      ALLOC,
      map(0, 4096),
      map(0x1000, 8192),
      A,
      pin(0, 0x3000),
      ['pins.count', {}],
      ['access.unpin', { access: '$a', pin: '$pin' }],
      ['pins.count', {}],
      pin(0, 0x4000),
      ['pins.count', {}],
    ];
    const results = answers(MACHINE, steps);
    expect(results.slice(4).map(({ errno, out }) => errno ?? out['locked_pages'] ?? 'ok')).toEqual([
      'ok',
      3,
      'ok',
      0,
      'ENOENT',
      0,
    ]);
  });

  it('an unmap makes the access let go: the pin is gone, ENOENT afterwards', () => {
    expect(
      outcomes(MACHINE, [
        ALLOC,
        map(0, 4096),
        A,
        pin(0, 4096),
        unmap(0, 4096),
        ['access.unpin', { access: '$a', pin: '$pin' }],
      ]).slice(4),
    ).toEqual(['ok', 'ENOENT']);
  });

  it('write pins need write access; rw goes up to the hole; length 0 is EINVAL, a wrap EOVERFLOW', () => {
    const readOnly = map(0, 4096, { flags: 5 });
    expect(outcomes(MACHINE, [ALLOC, readOnly, A, pin(0, 4096, { write: true }), pin(0, 4096)]).slice(3)).toEqual([
      'EPERM',
      'ok',
    ]);
    expect(
      outcomes(MACHINE, [
        ALLOC,
        map(0, 4096),
        A,
        pin(0, 0),
        ['access.pin', { access: '$a', iova: '0xfffffffffffff000', length: 8192 }],
      ]).slice(3),
    ).toEqual(['EINVAL', 'EOVERFLOW']);
    expect(
      outcomes(MACHINE, [
        ALLOC,
        map(0, 4096),
        A,
        ['access.rw', { access: '$a', iova: 4095, length: 2, op: 'write' }],
        ['access.rw', { access: '$a', iova: 3, length: 4093, op: 'write' }],
      ]).slice(3),
    ).toEqual(['ENOENT', 'ok']);
  });

  it('a pinning access raises the alignment, which unaligned areas forbid', () => {
    const odd = map(0x100, 0x100, { user_va: BASE_VA });
    expect(outcomes(MACHINE, [ALLOC, odd, A]).at(-1)).toBe('EADDRINUSE');
    expect(outcomes(MACHINE, [ALLOC, A, odd]).at(-1)).toBe('EINVAL');
    expect(outcomes(MACHINE, [ALLOC, odd, ['access.create', { ioas: '$ioas', needs_pin_pages: false }]]).at(-1)).toBe(
      'ok',
    );
    expect(last(MACHINE, [ALLOC, A, RANGES]).out['out_iova_alignment']).toBe(4096);
    expect(last(MACHINE, [ALLOC, A, ['access.destroy', { access: '$a' }], RANGES]).out['out_iova_alignment']).toBe(1);
  });
});

describe('the VFIO compatibility layer (vfio_compat.c)', () => {
  const SET: StepWords = ['IOMMU_VFIO_IOAS', { op: 1, ioas_id: '$ioas' }];
  const vmap = (iova: number, size: number, more: object = {}): StepWords => [
    'VFIO_IOMMU_MAP_DMA',
    { flags: 3, vaddr: BASE_VA + iova, iova, size, ...more },
  ];
  const vunmap = (iova: number, size: number, more: object = {}): StepWords => [
    'VFIO_IOMMU_UNMAP_DMA',
    { iova, size, flags: 0, ...more },
  ];

  it('without a compat IOAS everything is ENODEV, but arguments come first', () => {
    expect(
      outcomes(MACHINE, [
        vmap(0, 4096),
        vmap(0, 4096, { flags: 8 }),
        vunmap(0, 4096),
        ['VFIO_IOMMU_GET_INFO', {}],
        ['VFIO_IOMMU_GET_INFO', { argsz: 15 }],
        ['IOMMU_VFIO_IOAS', { op: 0 }],
      ]),
    ).toEqual(['ENODEV', 'EINVAL', 'ENODEV', 'ENODEV', 'EINVAL', 'ENODEV']);
  });

  it('SET, GET and CLEAR; destroying the compat IOAS clears it', () => {
    const get: StepWords = ['IOMMU_VFIO_IOAS', { op: 0 }];
    expect(
      outcomes(MACHINE, [
        ALLOC,
        SET,
        get,
        ['IOMMU_VFIO_IOAS', { op: 2 }],
        get,
        ['IOMMU_VFIO_IOAS', { op: 3 }],
        SET,
        ['IOMMU_DESTROY', { id: '$ioas' }],
        get,
      ]),
    ).toEqual(['ok', 'ok', 'ok', 'ok', 'ENODEV', 'EOPNOTSUPP', 'ok', 'ok', 'ENODEV']);
  });

  it('v2: cutting is ENOENT, nothing there is success with size 0; the flag ALL needs 0 and 0', () => {
    const results = answers(MACHINE, [
      ALLOC,
      SET,
      vmap(0, 8192),
      vunmap(0, 4096),
      vunmap(0x10000, 4096),
      vunmap(0, 4096, { flags: 2 }),
      vunmap(0, 0),
      vunmap(0, 0, { flags: 2 }),
      vunmap(0, 0, { flags: 1 }),
    ]);
    expect(results.slice(3).map(({ errno, out }) => errno ?? out['size'])).toEqual([
      'ENOENT',
      0,
      'EINVAL',
      'EINVAL',
      8192,
      'EINVAL',
    ]);
  });

  it('v1: SET_IOMMU turns large pages off, and areas are cut at both ends', () => {
    const results = answers(MACHINE, [
      ALLOC,
      SET,
      ['VFIO_SET_IOMMU', { type: 1 }],
      vmap(0, 0x4000),
      vunmap(0x1000, 0x1000),
      vunmap(0, 0x1000),
      vunmap(0x2000, 0x2000),
    ]);
    expect(results.slice(4).map(({ errno, out }) => errno ?? out['size'])).toEqual([0x1000, 0x1000, 0x2000]);
  });

  it('dirty pages are no ioctl there, and a map over a map is EEXIST', () => {
    expect(
      outcomes(MACHINE, [ALLOC, SET, vmap(0, 4096), vmap(0, 4096), ['VFIO_IOMMU_DIRTY_PAGES', { flags: 1 }]]).slice(3),
    ).toEqual(['EEXIST', 'ENOTTY']);
  });
});

describe('structures', () => {
  it('a size below the mandatory fields is EINVAL, beyond the known with a byte set E2BIG, with zeroes fine', () => {
    const sized = (size: number, more: object = {}): string =>
      outcomes(MACHINE, [['IOMMU_IOAS_ALLOC', { size, ...more }]])[0]!;
    expect([sized(11), sized(12), sized(64), sized(64, { __trailing: 1 }), sized(12, { flags: 1 })]).toEqual([
      'EINVAL',
      'ok',
      'ok',
      'E2BIG',
      'EOPNOTSUPP',
    ]);
  });
});
