// The order of checks: of two things wrong at once, the kernel names the one it looks at first. Each table lists, for one
// call, what can be wrong, in that order; every pair is tried.
import { describe, expect, it } from 'vitest';
import { ALLOC, ATTACH, BASE_VA, FIXED, HWPT, MACHINE, last, map, outcome } from './aScript.ts';
import type { StepWords } from './aScript.ts';

type Args = Readonly<Record<string, unknown>>;

interface Flaw {
  readonly what: string;
  readonly args: Args;
  readonly errno: string;
  /** Flaws above which it cannot show together with this one: one undoes the other. */
  readonly hides?: readonly string[];
}

interface Table {
  readonly call: string;
  readonly machine: object;
  readonly before: readonly StepWords[];
  readonly good: Args;
  readonly flaws: readonly Flaw[];
}

const U64 = '0xffffffffffffffff';
const NO_OBJECT = 999;
const RESERVED_AT = 0x8000000;
const AREA_AT = 0x100000;

const IOAS_WITH_AREA: readonly StepWords[] = [
  ALLOC,
  HWPT,
  ['ioas.reserve', { ioas: '$ioas', start: RESERVED_AT, length: 4096 }],
  map(AREA_AT, 4096),
];
const WITH_MEMLOCK = { ...MACHINE, memlock_limit: 16 * 4096 };
const TYPE1 = { ...MACHINE, container: 'type1v2', iommu: { ...MACHINE.iommu, reserved: [[0x8000000, 0x8000fff]] } };
const CONTAINER: readonly StepWords[] = [
  ['device.attach', { device: 'dev0', to: 'container' }],
  ['VFIO_IOMMU_MAP_DMA', { flags: 3, vaddr: BASE_VA, iova: AREA_AT, size: 8192 }],
];

const TABLES: readonly Table[] = [
  {
    call: 'IOMMU_IOAS_MAP',
    machine: WITH_MEMLOCK,
    before: IOAS_WITH_AREA,
    good: { ioas_id: '$ioas', flags: FIXED, user_va: BASE_VA, length: 8192, iova: 0x200000 },
    flaws: [
      { what: 'too short', args: { size: 39 }, errno: 'EINVAL' },
      { what: 'flag', args: { flags: 15 }, errno: 'EOPNOTSUPP' },
      { what: 'reserved field', args: { __reserved: 1 }, errno: 'EOPNOTSUPP' },
      { what: 'iova', args: { iova: U64 }, errno: 'EOVERFLOW' },
      { what: 'length', args: { length: U64 }, errno: 'EOVERFLOW' },
      { what: 'no access', args: { flags: 1 }, errno: 'EINVAL' },
      { what: 'no IOAS', args: { ioas_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'va wraps', args: { user_va: '0xfffffffffffff000' }, errno: 'EOVERFLOW' },
      { what: 'length 0', args: { length: 0 }, errno: 'EINVAL', hides: ['va wraps'] },
      { what: 'length unaligned', args: { length: 100 }, errno: 'EINVAL', hides: ['va wraps'] },
      { what: 'iova unaligned', args: { iova: 0x200100 }, errno: 'EINVAL' },
      { what: 'iova wraps', args: { iova: '0xfffffffffffff000' }, errno: 'EOVERFLOW' },
      { what: 'reserved range', args: { iova: RESERVED_AT }, errno: 'EINVAL' },
      { what: 'area', args: { iova: AREA_AT }, errno: 'EEXIST' },
      { what: 'va unaligned', args: { user_va: BASE_VA + 256 }, errno: 'EINVAL' },
      { what: 'va not there', args: { user_va: 4096 }, errno: 'EFAULT' },
      { what: 'memlock', args: { length: 16 * 4096 }, errno: 'ENOMEM' },
    ],
  },
  {
    call: 'IOMMU_IOAS_MAP_FILE',
    machine: { ...WITH_MEMLOCK, files: [{ fd: 5, gpa: 0, size: 0x100000 }] },
    before: IOAS_WITH_AREA,
    good: { ioas_id: '$ioas', flags: FIXED, fd: 5, start: 0, length: 8192, iova: 0x200000 },
    flaws: [
      { what: 'flag', args: { flags: 15 }, errno: 'EOPNOTSUPP' },
      { what: 'length', args: { length: U64 }, errno: 'EOVERFLOW' },
      { what: 'no access', args: { flags: 1 }, errno: 'EINVAL' },
      { what: 'no IOAS', args: { ioas_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'length 0', args: { length: 0 }, errno: 'EINVAL' },
      { what: 'start wraps', args: { start: '0xfffffffffffff000' }, errno: 'EOVERFLOW' },
      { what: 'fd', args: { fd: 7 }, errno: 'EBADF' },
      { what: 'iova unaligned', args: { iova: 0x200100 }, errno: 'EINVAL' },
      { what: 'area', args: { iova: AREA_AT }, errno: 'EEXIST' },
      { what: 'past the end', args: { start: 0x100000 }, errno: 'EINVAL' },
      { what: 'memlock', args: { length: 16 * 4096 }, errno: 'ENOMEM' },
    ],
  },
  {
    call: 'IOMMU_IOAS_COPY',
    machine: MACHINE,
    before: [...IOAS_WITH_AREA, map(0x300000, 4096, { flags: 5 })],
    good: {
      src_ioas_id: '$ioas',
      dst_ioas_id: '$ioas',
      flags: FIXED,
      src_iova: AREA_AT,
      dst_iova: 0x200000,
      length: 4096,
    },
    flaws: [
      { what: 'flag', args: { flags: 15 }, errno: 'EOPNOTSUPP' },
      { what: 'length', args: { length: U64 }, errno: 'EOVERFLOW' },
      { what: 'src_iova', args: { src_iova: U64 }, errno: 'EOVERFLOW' },
      { what: 'dst_iova', args: { dst_iova: U64 }, errno: 'EOVERFLOW' },
      { what: 'no access', args: { flags: 1 }, errno: 'EINVAL' },
      { what: 'no source', args: { src_ioas_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'length 0', args: { length: 0 }, errno: 'EINVAL' },
      { what: 'source wraps', args: { src_iova: '0xfffffffffffff001' }, errno: 'EOVERFLOW' },
      { what: 'source has holes', args: { src_iova: 0x900000 }, errno: 'ENOENT' },
      { what: 'no destination', args: { dst_ioas_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'length unaligned', args: { length: 100 }, errno: 'EINVAL', hides: ['source wraps'] },
      { what: 'dst_iova unaligned', args: { dst_iova: 0x200100 }, errno: 'EINVAL' },
      { what: 'reserved range', args: { dst_iova: RESERVED_AT }, errno: 'EINVAL' },
      { what: 'area', args: { dst_iova: AREA_AT }, errno: 'EEXIST' },
      { what: 'source is read-only', args: { src_iova: 0x300000 }, errno: 'EPERM' },
    ],
  },
  {
    call: 'IOMMU_IOAS_UNMAP',
    machine: MACHINE,
    before: IOAS_WITH_AREA,
    good: { ioas_id: '$ioas', iova: AREA_AT, length: 4096 },
    flaws: [
      { what: 'no IOAS', args: { ioas_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'iova', args: { iova: U64 }, errno: 'EOVERFLOW' },
      { what: 'length', args: { length: U64 }, errno: 'EOVERFLOW' },
      { what: 'length 0', args: { length: 0 }, errno: 'EINVAL' },
      { what: 'wraps', args: { iova: '0xfffffffffffff001' }, errno: 'EOVERFLOW' },
      { what: 'nothing there', args: { iova: 0x900000 }, errno: 'ENOENT' },
      { what: 'bisects', args: { length: 100 }, errno: 'ENOENT', hides: ['wraps'] },
    ],
  },
  {
    call: 'IOMMU_IOAS_IOVA_RANGES',
    machine: MACHINE,
    before: IOAS_WITH_AREA,
    good: { ioas_id: '$ioas', num_iovas: 8 },
    flaws: [
      { what: 'reserved field', args: { __reserved: 1 }, errno: 'EOPNOTSUPP' },
      { what: 'no IOAS', args: { ioas_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'no room', args: { num_iovas: 1 }, errno: 'EMSGSIZE' },
    ],
  },
  {
    call: 'IOMMU_IOAS_ALLOW_IOVAS',
    machine: MACHINE,
    before: IOAS_WITH_AREA,
    good: { ioas_id: '$ioas', allowed_iovas: [{ start: 0, last: 4095 }] },
    flaws: [
      { what: 'reserved field', args: { __reserved: 1 }, errno: 'EOPNOTSUPP' },
      { what: 'no IOAS', args: { ioas_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'one byte', args: { allowed_iovas: [{ start: 9, last: 9 }] }, errno: 'EINVAL' },
      {
        what: 'overlap after a reserved range',
        args: {
          allowed_iovas: [
            { start: RESERVED_AT, last: RESERVED_AT + 9 },
            { start: 0, last: 9 },
            { start: 9, last: 10 },
          ],
        },
        errno: 'EINVAL',
      },
      {
        what: 'reserved range',
        args: { allowed_iovas: [{ start: RESERVED_AT + 4095, last: RESERVED_AT + 4096 }] },
        errno: 'EADDRINUSE',
      },
    ],
  },
  {
    call: 'IOMMU_OPTION',
    machine: MACHINE,
    before: IOAS_WITH_AREA,
    good: { option_id: 1, op: 1, object_id: '$ioas' },
    flaws: [
      { what: 'reserved field', args: { __reserved: 1 }, errno: 'EOPNOTSUPP' },
      { what: 'option', args: { option_id: 2 }, errno: 'EOPNOTSUPP' },
      { what: 'no IOAS', args: { object_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'op', args: { op: 2 }, errno: 'EOPNOTSUPP' },
      { what: 'value', args: { op: 0, val64: 2 }, errno: 'EINVAL' },
      { what: 'areas in a domain', args: { op: 0, val64: 0 }, errno: 'EINVAL' },
    ],
  },
  {
    call: 'IOMMU_OPTION',
    machine: MACHINE,
    before: [ALLOC],
    good: { option_id: 0, op: 1 },
    flaws: [
      { what: 'RLIMIT_MODE of an object', args: { object_id: '$ioas' }, errno: 'EOPNOTSUPP' },
      { what: 'objects exist', args: { op: 0, val64: 1 }, errno: 'EBUSY' },
    ],
  },
  {
    call: 'IOMMU_HWPT_ALLOC',
    machine: { ...MACHINE, devices: [{ name: 'dev0' }, { name: 'blind', dirty_tracking: false }] },
    before: [ALLOC],
    good: { dev_id: '$dev0', pt_id: '$ioas', flags: 2 },
    flaws: [
      { what: 'reserved field', args: { __reserved: 1 }, errno: 'EOPNOTSUPP' },
      { what: 'data without type', args: { data_len: 8 }, errno: 'EINVAL' },
      { what: 'no device', args: { dev_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'no page table', args: { pt_id: NO_OBJECT }, errno: 'EINVAL' },
      { what: 'a device as page table', args: { pt_id: '$blind' }, errno: 'EINVAL' },
      { what: 'flag', args: { flags: 16 }, errno: 'EOPNOTSUPP' },
      { what: 'cannot track', args: { dev_id: '$blind' }, errno: 'EOPNOTSUPP' },
      { what: 'fault queue of a nest parent', args: { flags: 5 }, errno: 'EOPNOTSUPP' },
    ],
  },
  {
    call: 'IOMMU_HWPT_GET_DIRTY_BITMAP',
    machine: MACHINE,
    before: [...IOAS_WITH_AREA, ['device.attach', { device: 'dev0', to: '$ioas' }, 'pt']],
    good: { hwpt_id: '$hwpt', flags: 0, iova: AREA_AT + 4096, length: 8192, page_size: 4096 },
    flaws: [
      { what: 'flag', args: { flags: 2 }, errno: 'EOPNOTSUPP' },
      { what: 'reserved field', args: { __reserved: 1 }, errno: 'EOPNOTSUPP' },
      { what: 'no HWPT', args: { hwpt_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'wraps', args: { iova: '0xfffffffffffff000' }, errno: 'EOVERFLOW' },
      { what: 'length 0', args: { length: 0 }, errno: 'EOVERFLOW' },
      { what: 'iova unaligned', args: { iova: AREA_AT + 256 }, errno: 'EINVAL' },
      { what: 'end unaligned', args: { length: 100 }, errno: 'EINVAL', hides: ['wraps'] },
      { what: 'page_size 0', args: { page_size: 0 }, errno: 'EINVAL' },
      { what: 'not aligned to page_size', args: { page_size: 0x2000 }, errno: 'EINVAL' },
      { what: 'no tracking', args: { hwpt_id: '$pt' }, errno: 'EOPNOTSUPP' },
    ],
  },
  {
    call: 'IOMMU_HWPT_SET_DIRTY_TRACKING',
    machine: MACHINE,
    before: [ALLOC, HWPT, ATTACH],
    good: { hwpt_id: '$hwpt', flags: 1, __reserved: 77 },
    flaws: [
      { what: 'flag', args: { flags: 2 }, errno: 'EOPNOTSUPP' },
      { what: 'an IOAS', args: { hwpt_id: '$ioas' }, errno: 'ENOENT' },
      { what: 'no tracking', args: { hwpt_id: '$pt' }, errno: 'EOPNOTSUPP' },
    ],
  },
  {
    call: 'IOMMU_HWPT_INVALIDATE',
    machine: { ...MACHINE, iommu: { format: 'vtd-ss', page_sizes: [4096] } },
    before: [
      ALLOC,
      ['IOMMU_HWPT_ALLOC', { dev_id: '$dev0', pt_id: '$ioas', flags: 1 }, 'parent'],
      ['IOMMU_HWPT_ALLOC', { dev_id: '$dev0', pt_id: '$parent', data_type: 1 }, 'nested'],
    ],
    good: { hwpt_id: '$nested', entry_num: 1, entry_len: 24, data: [{ addr: 4096, npages: 1, flags: 0 }] },
    flaws: [
      { what: 'reserved field', args: { __reserved: 1 }, errno: 'EOPNOTSUPP' },
      { what: 'entries without length', args: { entry_len: 0 }, errno: 'EINVAL' },
      { what: 'no HWPT', args: { hwpt_id: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'not nested', args: { hwpt_id: '$parent' }, errno: 'EINVAL' },
      { what: 'data type', args: { data_type: 9 }, errno: 'EINVAL' },
      { what: 'entry short', args: { entry_len: 8 }, errno: 'EINVAL' },
      { what: 'entry flag', args: { data: [{ addr: 1, npages: 1, flags: 2 }] }, errno: 'EOPNOTSUPP' },
      { what: 'entry unaligned', args: { data: [{ addr: 1, npages: 1 }] }, errno: 'EINVAL' },
      { what: 'all from somewhere', args: { data: [{ addr: 4096, npages: U64 }] }, errno: 'EINVAL' },
    ],
  },
  {
    call: 'IOMMU_VFIO_IOAS',
    machine: MACHINE,
    before: [ALLOC],
    good: { op: 1, ioas_id: '$ioas' },
    flaws: [
      { what: 'reserved field', args: { __reserved: 1 }, errno: 'EOPNOTSUPP' },
      { what: 'op', args: { op: 3 }, errno: 'EOPNOTSUPP' },
      { what: 'no IOAS', args: { ioas_id: NO_OBJECT }, errno: 'ENOENT' },
    ],
  },
  {
    call: 'VFIO_IOMMU_MAP_DMA',
    machine: { ...TYPE1, memlock_limit: 16 * 4096 },
    before: CONTAINER,
    good: { flags: 3, vaddr: BASE_VA, iova: 0x200000, size: 8192 },
    flaws: [
      { what: 'argsz', args: { argsz: 31 }, errno: 'EINVAL' },
      { what: 'flag', args: { flags: 8 }, errno: 'EINVAL' },
      { what: 'size 0', args: { size: 0 }, errno: 'EINVAL' },
      { what: 'iova wraps', args: { iova: '0xfffffffffffff001' }, errno: 'EOVERFLOW' },
      { what: 'vaddr wraps', args: { vaddr: '0xfffffffffffff001' }, errno: 'EOVERFLOW' },
      { what: 'no access', args: { flags: 0 }, errno: 'EINVAL' },
      { what: 'access and VADDR', args: { flags: 5 }, errno: 'EINVAL' },
      { what: 'unaligned', args: { size: 100 }, errno: 'EINVAL', hides: ['iova wraps', 'vaddr wraps'] },
      { what: 'overlap', args: { iova: AREA_AT + 4096 }, errno: 'EEXIST' },
      { what: 'reserved range', args: { iova: 0x8000000 }, errno: 'EINVAL' },
      { what: 'vaddr not there', args: { vaddr: 0x1000 }, errno: 'EFAULT' },
      { what: 'memlock', args: { size: 16 * 4096 }, errno: 'ENOMEM' },
    ],
  },
  {
    call: 'VFIO_IOMMU_MAP_DMA',
    machine: { ...TYPE1, dma_entry_limit: 1 },
    before: CONTAINER,
    good: { flags: 3, vaddr: BASE_VA, iova: 0x200000, size: 8192 },
    flaws: [
      { what: 'overlap', args: { iova: AREA_AT + 4096 }, errno: 'EEXIST' },
      { what: 'limit', args: {}, errno: 'ENOSPC' },
      { what: 'reserved range', args: { iova: 0x8000000 }, errno: 'ENOSPC' },
      { what: 'vaddr not there', args: { vaddr: 0x1000 }, errno: 'ENOSPC' },
    ],
  },
  {
    call: 'VFIO_IOMMU_UNMAP_DMA',
    machine: TYPE1,
    before: CONTAINER,
    good: { iova: AREA_AT, size: 8192 },
    flaws: [
      { what: 'argsz', args: { argsz: 23 }, errno: 'EINVAL' },
      { what: 'flag', args: { flags: 8 }, errno: 'EINVAL' },
      { what: 'iova unaligned', args: { iova: AREA_AT + 1 }, errno: 'EINVAL' },
      { what: 'size 0', args: { size: 0 }, errno: 'EINVAL' },
      { what: 'wraps', args: { iova: '0xfffffffffffff000' }, errno: 'EOVERFLOW' },
      { what: 'bisects at the end', args: { size: 4096 }, errno: 'EINVAL', hides: ['wraps'] },
    ],
  },
  {
    call: 'VFIO_IOMMU_DIRTY_PAGES',
    machine: TYPE1,
    before: [...CONTAINER, ['VFIO_IOMMU_DIRTY_PAGES', { flags: 1 }]],
    good: { flags: 4, iova: AREA_AT, size: 8192, bitmap: { pgsize: 4096, size: 8 } },
    flaws: [
      { what: 'two flags', args: { flags: 6 }, errno: 'EINVAL' },
      { what: 'size 0', args: { size: 0 }, errno: 'EINVAL' },
      { what: 'wraps', args: { iova: '0xfffffffffffff000' }, errno: 'EOVERFLOW' },
      { what: 'bitmap too small', args: { bitmap: { pgsize: 4096, size: 4 } }, errno: 'EINVAL' },
      { what: 'pgsize', args: { bitmap: { pgsize: 8192, size: 8 } }, errno: 'EINVAL' },
      { what: 'unaligned', args: { size: 4097 }, errno: 'EINVAL' },
      { what: 'bisects', args: { size: 4096 }, errno: 'EINVAL', hides: ['wraps'] },
    ],
  },
  {
    call: 'VFIO_DEVICE_FEATURE',
    machine: { ...TYPE1, devices: [{ name: 'dev0', dma_logging: true }, { name: 'plain' }] },
    before: [],
    good: {
      device: 'dev0',
      feature: 6,
      op: 'SET',
      page_size: 4096,
      ranges: [{ iova: 0, length: 8192 }],
    },
    flaws: [
      { what: 'GET and SET', args: { op: ['GET', 'SET'] }, errno: 'EINVAL' },
      { what: 'not supported', args: { device: 'plain' }, errno: 'ENOTTY' },
      { what: 'operation', args: { op: 'GET' }, errno: 'EINVAL' },
      { what: 'buffer short', args: { argsz: 31 }, errno: 'EINVAL' },
      { what: 'no ranges', args: { num_ranges: 0 }, errno: 'EINVAL' },
      { what: 'too many ranges', args: { num_ranges: 257 }, errno: 'E2BIG' },
      { what: 'unaligned', args: { ranges: [{ iova: 1, length: 4096 }] }, errno: 'EINVAL' },
      { what: 'wraps', args: { ranges: [{ iova: '0xfffffffffffff000', length: 8192 }] }, errno: 'EOVERFLOW' },
      {
        what: 'overlap',
        args: {
          ranges: [
            { iova: 0, length: 8192 },
            { iova: 4096, length: 8192 },
          ],
        },
        errno: 'EINVAL',
      },
    ],
  },
  {
    call: 'access.pin',
    machine: MACHINE,
    before: [...IOAS_WITH_AREA, map(0x300000, 4096, { flags: 5 }), ['access.create', { ioas: '$ioas' }, 'access']],
    good: { access: '$access', iova: AREA_AT, length: 4096, write: true },
    flaws: [
      { what: 'no access', args: { access: NO_OBJECT }, errno: 'ENOENT' },
      { what: 'length 0', args: { length: 0 }, errno: 'EINVAL' },
      { what: 'wraps', args: { iova: '0xfffffffffffff001' }, errno: 'EOVERFLOW' },
      { what: 'unaligned', args: { iova: AREA_AT + 1 }, errno: 'EINVAL' },
      { what: 'read-only', args: { iova: 0x300000 }, errno: 'EPERM' },
      { what: 'hole after', args: { length: 8192 }, errno: 'ENOENT' },
    ],
  },
];

const trySteps = (table: Table, args: Args): string =>
  outcome(last(table.machine, [...table.before, [table.call, { ...table.good, ...args }]]));

const disjoint = (a: Args, b: Args): boolean => !Object.keys(a).some((key) => key in b);

describe.each(TABLES.map((table) => ({ table, title: `${table.call} (${table.flaws.length} flaws)` })))(
  '$title',
  ({ table }) => {
    it('succeeds where nothing is wrong', () => {
      if (table.flaws.some(({ args }) => Object.keys(args).length === 0)) return;
      expect(trySteps(table, {})).toBe('ok');
    });

    it.each(table.flaws)('$what: $errno', ({ args, errno }) => {
      expect(trySteps(table, args)).toBe(errno);
    });

    it('of two flaws the upper one shows', () => {
      const wrong: string[] = [];
      table.flaws.forEach((upper, i) => {
        for (const lower of table.flaws.slice(i + 1)) {
          if (!disjoint(upper.args, lower.args) || lower.hides?.includes(upper.what) === true) continue;
          const got = trySteps(table, { ...upper.args, ...lower.args });
          if (got !== upper.errno) wrong.push(`${upper.what} + ${lower.what}: ${got}, not ${upper.errno}`);
        }
      });
      expect(wrong).toEqual([]);
    });
  },
);
