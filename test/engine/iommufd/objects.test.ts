// Objects of an iommufd, what refers to what, HWPTs, attachments, accesses, options: rule by rule.
import { describe, expect, it } from 'vitest';
import { Access } from '../../../engine/iommufd/access.ts';
import { pageSpan } from '../../../engine/iommufd/address.ts';
import { Area } from '../../../engine/iommufd/area.ts';
import { READ, WRITE } from '../../../engine/iommufd/hw-domain.ts';
import { Ioas } from '../../../engine/iommufd/ioas.ts';
import { IoptPages } from '../../../engine/iommufd/iopt-pages.ts';
import { MemoryRange, PinAccount } from '../../../engine/iommufd/memory.ts';
import {
  ALLOC,
  ATTACH,
  ATTACH_HWPT,
  BASE_VA,
  HWPT,
  MACHINE,
  answers,
  last,
  map,
  outcome,
  outcomes,
  unmap,
  write,
} from '../uapi/aScript.ts';
import type { Result, StepWords } from '../uapi/aScript.ts';

const destroy = (id: string | number): StepWords => ['IOMMU_DESTROY', { id }];
const hwpt = (flags: number, as: string, more: object = {}): StepWords => [
  'IOMMU_HWPT_ALLOC',
  { dev_id: '$dev0', pt_id: '$ioas', flags, ...more },
  as,
];
const attach = (device: string, to: string, as?: string): StepWords =>
  as === undefined ? ['device.attach', { device, to }] : ['device.attach', { device, to }, as];
const detach = (device: string): StepWords => ['device.detach', { device }];
const replace = (device: string, to: string | number): StepWords => ['device.replace', { device, to }];
const RANGES: StepWords = ['IOMMU_IOAS_IOVA_RANGES', { ioas_id: '$ioas', num_iovas: 8 }];
const PINS: StepWords = ['pins.count'];
const ACCESS: StepWords = ['access.create', { ioas: '$ioas' }, 'access'];
const iommuOf = (format: string, more: object = {}): object => ({
  ...MACHINE,
  iommu: { format, page_sizes: [4096], ...more },
});
const TWO = { ...MACHINE, devices: [{ name: 'dev0' }, { name: 'dev1' }] };
const field = (result: Result | undefined, name: string): unknown => result?.errno ?? result?.out[name];

describe('ids', () => {
  it('count upward from 1 over all objects, bound devices first; 0 is none', () => {
    const steps: StepWords[] = [ALLOC, ATTACH, ['IOMMU_IOAS_ALLOC'], destroy(0)];
    const results = answers(TWO, steps);
    expect(results.map((r) => r.errno ?? r.out['out_ioas_id'] ?? r.out['pt_id'])).toEqual([3, 4, 5, 'ENOENT']);
  });
});

describe('DESTROY', () => {
  it.each<[string, StepWords[], string]>([
    ['an IOAS with areas goes with them', [ALLOC, map(0, 4096), destroy('$ioas')], 'ok'],
    ['an IOAS with a HWPT is busy', [ALLOC, HWPT, destroy('$ioas')], 'EBUSY'],
    ['an IOAS with an access is busy', [ALLOC, ACCESS, destroy('$ioas')], 'EBUSY'],
    ['an attached HWPT is busy', [ALLOC, HWPT, ATTACH_HWPT, destroy('$hwpt')], 'EBUSY'],
    ['an automatic HWPT is busy', [ALLOC, ATTACH, destroy('$pt')], 'EBUSY'],
    ['a bound device is busy', [destroy('$dev0')], 'EBUSY'],
    ['a HWPT nobody uses goes', [ALLOC, HWPT, destroy('$hwpt')], 'ok'],
    ['what is destroyed is unknown', [ALLOC, destroy('$ioas'), destroy('$ioas')], 'ENOENT'],
    ['an IOAS is free again after detach', [ALLOC, ATTACH, detach('dev0'), destroy('$ioas')], 'ok'],
    ['a user’s HWPT outlives detach', [ALLOC, HWPT, ATTACH_HWPT, detach('dev0'), destroy('$ioas')], 'EBUSY'],
  ])('%s', (_what, steps, expected) => {
    expect(outcome(last(MACHINE, steps))).toBe(expected);
  });

  it('the parent of a nested HWPT is busy until it goes', () => {
    const steps = [
      ALLOC,
      hwpt(1, 'parent'),
      hwpt(0, 'nested', { pt_id: '$parent', data_type: 1 }),
      destroy('$parent'),
      destroy('$nested'),
      destroy('$parent'),
    ];
    expect(outcomes(iommuOf('vtd-ss'), steps).slice(3)).toEqual(['EBUSY', 'ok', 'ok']);
  });

  it('of the compatibility IOAS resets VFIO_IOAS', () => {
    const steps: StepWords[] = [
      ALLOC,
      ['IOMMU_VFIO_IOAS', { op: 1, ioas_id: '$ioas' }],
      destroy('$ioas'),
      ['IOMMU_VFIO_IOAS', { op: 0 }],
    ];
    expect(outcomes(MACHINE, steps).slice(2)).toEqual(['ok', 'ENODEV']);
  });
});

describe('HWPT_ALLOC', () => {
  it.each<[string, string, number, string]>([
    ['AMD tracks', 'amd-v1', 2, 'ok'],
    ['AMD nests and tracks', 'amd-v1', 3, 'ok'],
    ['AMD does not track with PASIDs', 'amd-v1', 10, 'EOPNOTSUPP'],
    ['VT-d tracks with PASIDs', 'vtd-ss', 10, 'ok'],
    ['VT-d nests and tracks', 'vtd-ss', 3, 'ok'],
    ['SMMUv3 stage 1 tracks', 'arm-lpae-s1', 2, 'ok'],
    ['SMMUv3 does not nest and track', 'arm-lpae-s1', 3, 'EOPNOTSUPP'],
    ['SMMUv3 stage 2 does not track', 'arm-lpae-s2', 2, 'EOPNOTSUPP'],
    ['SMMUv3 stage 2 is a nest parent', 'arm-lpae-s2', 1, 'ok'],
    ['the mock takes all', 'mock', 3, 'ok'],
    ['an unknown flag', 'mock', 32, 'EOPNOTSUPP'],
  ])('%s (%s, flags %d): %s', (_what, format, flags, expected) => {
    expect(
      outcome(last(iommuOf(format, format === 'mock' ? { page_sizes: [4096] } : {}), [ALLOC, hwpt(flags, 'h')])),
    ).toBe(expected);
  });

  it('hardware without dirty tracking or nesting refuses the flag', () => {
    expect(
      outcomes(iommuOf('amd-v1', { dirty_tracking: false }), [ALLOC, hwpt(2, 'h'), hwpt(0, 'h')]).slice(1),
    ).toEqual(['EOPNOTSUPP', 'ok']);
    expect(outcomes(iommuOf('vtd-ss', { nesting: false }), [ALLOC, hwpt(1, 'h'), hwpt(0, 'h')]).slice(1)).toEqual([
      'EOPNOTSUPP',
      'ok',
    ]);
  });

  it.each<[string, object, string]>([
    ['flags beyond fault queue and PASID', { flags: 2 }, 'EOPNOTSUPP'],
    ['no data', { data_type: 0, data_len: 0 }, 'EOPNOTSUPP'],
    ['a type without data', { data_len: 0 }, 'EINVAL'],
    ['data of another driver', { data_type: 2 }, 'EOPNOTSUPP'],
    ['data too short', { data_len: 8 }, 'EINVAL'],
    ['a parent that is none', { pt_id: '$plain' }, 'EINVAL'],
    ['a nested HWPT as parent', { pt_id: '$nested' }, 'EINVAL'],
    ['data longer than the structure', { data_len: 64 }, 'EINVAL'],
  ])('a nested stage 1 with %s: %3$s', (_what, more, expected) => {
    const nested = { pt_id: '$parent', data_type: 1 };
    const steps = [
      ALLOC,
      hwpt(1, 'parent'),
      hwpt(0, 'plain'),
      hwpt(0, 'nested', nested),
      hwpt(0, 'other', { ...nested, ...more }),
    ];
    expect(outcome(last(iommuOf('vtd-ss'), steps))).toBe(expected);
  });

  it('a nested HWPT attaches its device through the parent, whose regions it reserves', () => {
    const machine = iommuOf('vtd-ss', { reserved: [[0xfee00000, 0xfeefffff]] });
    const steps = [
      ALLOC,
      hwpt(3, 'parent'),
      hwpt(0, 'nested', { pt_id: '$parent', data_type: 1 }),
      attach('dev0', '$nested', 'at'),
      RANGES,
      destroy('$nested'),
      detach('dev0'),
      RANGES,
    ];
    const results = answers(machine, steps);
    expect(results[4]!.out['num_iovas']).toBe(2);
    expect(results.slice(5).map((r) => r.errno ?? r.out['num_iovas'])).toEqual(['EBUSY', undefined, 1]);
  });

  it('fills the domain: what does not fit refuses it and leaves nothing', () => {
    const vtd = iommuOf('vtd-ss');
    const beyond: StepWords = [
      'IOMMU_IOAS_MAP',
      { ioas_id: '$ioas', flags: 7, user_va: BASE_VA, iova: 2 ** 48, length: 4096 },
    ];
    expect(outcomes(vtd, [ALLOC, beyond, HWPT, RANGES]).slice(2)).toEqual(['EADDRINUSE', 'ok']);
    expect(last(vtd, [ALLOC, beyond, HWPT, RANGES]).out).toMatchObject({ num_iovas: 1, out_iova_alignment: 1 });
    expect(outcomes(MACHINE, [ALLOC, map(0, 100), HWPT, unmap(0, 100), HWPT]).slice(2)).toEqual([
      'EADDRINUSE',
      'ok',
      'ok',
    ]);
    expect(outcomes(MACHINE, [ALLOC, map(0, 4096, { user_va: 4096 }), HWPT, PINS]).slice(2)).toEqual(['EFAULT', 'ok']);
    expect(outcome(last(iommuOf('vtd-ss'), [ALLOC, map(0, 4096, { flags: 5 }), hwpt(1, 'h')]))).toBe('EINVAL');
    expect(outcome(last(iommuOf('amd-v1', { page_sizes: [16384] }), [ALLOC, HWPT]))).toBe('EINVAL');
  });
});

describe('attach, replace, detach', () => {
  it('devices share the first automatic HWPT that takes them; it dies with the last', () => {
    const steps = [
      ALLOC,
      attach('dev0', '$ioas', 'a'),
      attach('dev1', '$ioas', 'b'),
      detach('dev0'),
      destroy('$a'),
      detach('dev1'),
      destroy('$a'),
    ];
    const results = answers(TWO, steps);
    expect(results[1]!.out['pt_id']).toBe(results[2]!.out['pt_id']);
    expect(results.map(outcome).slice(3)).toEqual(['ok', 'EBUSY', 'ok', 'ENOENT']);
  });

  it('a user-made HWPT is not taken by an attach to its IOAS', () => {
    const results = answers(MACHINE, [ALLOC, HWPT, ATTACH]);
    expect(results[2]!.out['pt_id']).not.toBe(results[1]!.out['out_hwpt_id']);
  });

  it.each<[string, StepWords[], string]>([
    ['attached already', [ALLOC, ATTACH, ATTACH], 'EBUSY'],
    ['to nothing', [attach('dev0', '$dev0')], 'EINVAL'],
    ['replaced while not attached', [ALLOC, replace('dev0', '$ioas')], 'EINVAL'],
    ['replaced by nothing known', [ALLOC, ATTACH, replace('dev0', 99)], 'ENOENT'],
    ['detached while not attached', [detach('dev0')], 'ok'],
  ])('%s: %3$s', (_what, steps, expected) => {
    expect(outcome(last(MACHINE, steps))).toBe(expected);
  });

  it('a tracking HWPT refuses a device whose IOMMU cannot track; that is the only enforcement', () => {
    const machine = { ...MACHINE, devices: [{ name: 'dev0' }, { name: 'blind', dirty_tracking: false }] };
    const steps = [ALLOC, HWPT, attach('blind', '$hwpt'), hwpt(0, 'plain'), attach('blind', '$plain')];
    expect(outcomes(machine, steps).slice(2)).toEqual(['EINVAL', 'ok', 'ok']);
  });

  it('a device of another driver gets an automatic HWPT of its own', () => {
    const machine = {
      iommus: [
        { name: 'a', format: 'amd-v1', page_sizes: [4096] },
        { name: 'b', format: 'vtd-ss', page_sizes: [4096] },
      ],
      devices: [
        { name: 'dev0', iommu: 'a' },
        { name: 'dev1', iommu: 'b' },
      ],
    };
    const steps = [ALLOC, attach('dev0', '$ioas', 'a'), attach('dev1', '$ioas', 'b'), attach('dev1', '$a'), RANGES];
    const results = answers(machine, steps);
    expect(results[1]!.out['pt_id']).not.toBe(results[2]!.out['pt_id']);
    expect(outcome(last(machine, [ALLOC, attach('dev0', '$ioas', 'a'), attach('dev1', '$a')]))).toBe('EINVAL');
  });

  it('reserved regions come with the device and go with it; an area there refuses the attach', () => {
    const machine = iommuOf('amd-v1', { reserved: [[0xfee00000, 0xfeefffff]] });
    const own = { ...machine, devices: [{ name: 'dev0', reserved: [[0x1000, 0x1fff]] }] };
    const results = answers(own, [ALLOC, ATTACH, RANGES, detach('dev0'), RANGES]);
    expect(results[2]!.out['allowed_iovas']).toEqual([
      { start: 0, last: 0xfff },
      { start: 0x2000, last: 0xfedfffff },
      { start: 0xfef00000, last: '0xffffffffffffffff' },
    ]);
    expect(results[4]!.out['num_iovas']).toBe(1);
    const refused = [ALLOC, map(0x1000, 4096), ATTACH, RANGES, unmap(0x1000, 4096), ATTACH];
    expect(
      answers(own, refused)
        .map((r) => r.errno ?? r.out['num_iovas'])
        .slice(2),
    ).toEqual(['EADDRINUSE', 1, undefined, undefined]);
  });

  it('replace moves a device to another IOAS, with its regions; the old automatic HWPT goes', () => {
    const machine = { ...MACHINE, devices: [{ name: 'dev0', reserved: [[0x1000, 0x1fff]] }] };
    const steps: StepWords[] = [
      ALLOC,
      ATTACH,
      ['IOMMU_IOAS_ALLOC', {}, 'other'],
      map(0x4000, 4096),
      write(0x4000),
      replace('dev0', '$other'),
      write(0x4000),
      RANGES,
      destroy('$pt'),
      destroy('$ioas'),
    ];
    expect(
      answers(machine, steps)
        .slice(4)
        .map((r) => r.errno ?? r.out['num_iovas'] ?? 'ok'),
    ).toEqual(['ok', 'ok', 'EFAULT', 1, 'ENOENT', 'ok']);
  });

  it('a replace that fails leaves the old attachment', () => {
    const machine = { ...MACHINE, devices: [{ name: 'dev0', reserved: [[0x1000, 0x1fff]] }] };
    const steps: StepWords[] = [
      ALLOC,
      ATTACH,
      map(0x4000, 4096),
      ['IOMMU_IOAS_ALLOC', {}, 'other'],
      ['IOMMU_IOAS_MAP', { ioas_id: '$other', flags: 7, user_va: BASE_VA, iova: 0x1000, length: 4096 }],
      replace('dev0', '$other'),
      write(0x4000),
      RANGES,
      destroy('$other'),
    ];
    expect(
      answers(machine, steps)
        .slice(5)
        .map((r) => r.errno ?? r.out['num_iovas'] ?? 'ok'),
    ).toEqual(['EADDRINUSE', 'ok', 2, 'ok']);
  });

  it('a replace by the HWPT in use changes nothing', () => {
    const steps = [ALLOC, HWPT, ATTACH_HWPT, replace('dev0', '$hwpt'), detach('dev0'), destroy('$hwpt')];
    expect(outcomes(MACHINE, steps).slice(3)).toEqual(['ok', 'ok', 'ok']);
  });

  it('SMMUs do not share a domain, nor a vIOMMU', () => {
    const machine = {
      iommus: ['a', 'b'].map((name) => ({ name, format: 'arm-lpae-s2', page_sizes: [4096] })),
      devices: ['a', 'b'].map((iommu) => ({ name: `dev-${iommu}`, iommu })),
    };
    const steps: StepWords[] = [
      ALLOC,
      attach('dev-a', '$ioas', 'pt'),
      attach('dev-b', '$pt'),
      attach('dev-b', '$ioas'),
      ['IOMMU_HWPT_ALLOC', { dev_id: '$dev-a', pt_id: '$ioas', flags: 1 }, 'parent'],
      ['IOMMU_VIOMMU_ALLOC', { type: 1, dev_id: '$dev-a', hwpt_id: '$parent' }, 'viommu'],
      ['IOMMU_HWPT_ALLOC', { dev_id: '$dev-b', pt_id: '$viommu', data_type: 2 }],
      ['IOMMU_HWPT_ALLOC', { dev_id: '$dev-a', pt_id: '$viommu', data_type: 2 }],
    ];
    expect(outcomes(machine, steps).slice(1)).toEqual(['ok', 'EINVAL', 'ok', 'ok', 'ok', 'EINVAL', 'ok']);
  });

  it('gaps between apertures count as reserved for each device', () => {
    const machine = iommuOf('mock', {
      apertures: [
        [0x1000000, 0x1ffffff],
        [0x4000000, 0x7fffffff],
      ],
    });
    const ranges = (steps: StepWords[]): unknown => last(machine, [...steps, RANGES]).out['allowed_iovas'];
    expect(ranges([ALLOC, HWPT])).toEqual([{ start: 0x1000000, last: 0x7fffffff }]);
    expect(ranges([ALLOC, HWPT, ATTACH_HWPT])).toEqual([
      { start: 0x1000000, last: 0x1ffffff },
      { start: 0x4000000, last: 0x7fffffff },
    ]);
  });
});

describe('several domains of one IOAS', () => {
  const two = [ALLOC, hwpt(2, 'a'), hwpt(2, 'b')];
  const at = (id: string): StepWords => ['table.walk', { hwpt: id, iova: 0 }];

  it('hold every area each; pins go with the last', () => {
    const steps = [...two, map(0, 4096), at('$a'), destroy('$a'), PINS, at('$b'), destroy('$b'), PINS];
    expect(
      answers(MACHINE, steps)
        .slice(4)
        .map((r) => r.errno ?? r.out['locked_pages'] ?? 'ok'),
    ).toEqual(['ok', 'ok', 1, 'ok', 'ok', 0]);
  });

  it('a map one of them refuses is in none', () => {
    const steps = [ALLOC, hwpt(0, 'a'), hwpt(1, 'parent'), map(0, 4096, { flags: 5 }), at('$a'), at('$parent'), PINS];
    expect(
      answers(iommuOf('vtd-ss'), steps)
        .slice(3)
        .map((r) => r.errno ?? r.out['locked_pages']),
    ).toEqual(['EINVAL', 'ENOENT', 'ENOENT', 0]);
  });

  it('a map that fails half way leaves nothing, neither in the table nor pinned', () => {
    const machine = iommuOf('vtd-ss', { apertures: [[0, '0xffffffffffffffff']] });
    const steps: StepWords[] = [
      ALLOC,
      ['IOMMU_OPTION', { option_id: 1, op: 0, object_id: '$ioas', val64: 0 }],
      hwpt(0, 'a'),
      ['IOMMU_IOAS_MAP', { ioas_id: '$ioas', flags: 7, user_va: BASE_VA, iova: 2 ** 48 - 4096, length: 8192 }],
      ['table.walk', { hwpt: '$a', iova: 2 ** 48 - 4096 }],
      PINS,
    ];
    const results = answers(machine, steps).slice(3);
    expect(results[0]!.errno).toBeDefined();
    expect(results.slice(1).map((r) => r.errno ?? r.out['locked_pages'])).toEqual(['ENOENT', 0]);
  });

  it('a copy of several areas that fails at the last leaves none of them', () => {
    const steps: StepWords[] = [
      ALLOC,
      map(0, 8192),
      map(8192, 12288),
      ['IOMMU_IOAS_ALLOC', {}, 'other'],
      hwpt(0, 'a', { pt_id: '$other' }),
      [
        'IOMMU_IOAS_COPY',
        { src_ioas_id: '$ioas', dst_ioas_id: '$other', flags: 7, src_iova: 0, dst_iova: 0, length: 20480 },
      ],
      PINS,
      at('$a'),
      ['IOMMU_IOAS_UNMAP', { ioas_id: '$other', iova: 0, length: 20480 }],
    ];
    const results = answers({ ...MACHINE, memlock_limit: 4 * 4096 }, steps).slice(5);
    expect(results.map((r) => r.errno ?? r.out['locked_pages'])).toEqual(['ENOMEM', 0, 'ENOENT', 'ENOENT']);
  });
});

describe('an access whose driver keeps its pins', () => {
  it('keeps the area: EDEADLK, and nothing new can be pinned there', () => {
    const memory = new MemoryRange({ kind: 'user', firstPage: 0, firstFrame: 16, pages: 16 });
    const pages = new IoptPages({
      source: memory,
      firstPage: 0,
      pages: 4,
      writable: true,
      account: new PinAccount(),
      mode: 'user',
    });
    const ioas = new Ioas();
    ioas.insert([new Area(pageSpan(0, 4), pages, 0, 0, READ | WRITE)]);
    const area = ioas.areas.first()!;
    const stubborn = new Access(ioas, true);
    Object.assign(stubborn, { dropPins: () => undefined });
    ioas.addUser(stubborn);
    stubborn.pin(pageSpan(1, 1), false);
    expect(ioas.unmap(pageSpan(0, 4))).toEqual({ errno: 'EDEADLK', pages: 0, bytes: 0 });
    expect(ioas.areas.first()).toBe(area);
    expect(stubborn.pin(pageSpan(2, 1), false)).toMatchObject({ errno: 'EINVAL' });
    expect(stubborn.rw(pageSpan(2, 1), false)).toMatchObject({ errno: 'EINVAL' });
    expect(ioas.cutAfter(1, 0xfff)).toMatchObject({ errno: 'EBUSY' });
  });
});

describe('accesses', () => {
  const pin = (iova: number, length: number, more: object = {}): StepWords => [
    'access.pin',
    { access: '$access', iova, length, ...more },
    'pin',
  ];
  const copy = (iova: number, length: number, op = 'read'): StepWords => [
    'access.rw',
    { access: '$access', iova, length, op },
  ];

  it('with pins demands PAGE_SIZE of the IOAS, until it goes', () => {
    const steps: StepWords[] = [ALLOC, ACCESS, RANGES, ['access.destroy', { access: '$access' }], RANGES];
    expect(
      answers(MACHINE, steps)
        .filter((r) => r.call.endsWith('RANGES'))
        .map((r) => r.out['out_iova_alignment']),
    ).toEqual([4096, 1]);
    expect(
      outcomes(MACHINE, [ALLOC, map(0, 100), ACCESS, ['access.create', { ioas: '$ioas', needs_pin_pages: false }]]),
    ).toEqual(['ok', 'ok', 'EADDRINUSE', 'ok']);
  });

  it('pins pages without any domain, and charges the union', () => {
    const steps = [ALLOC, ACCESS, map(0, 16384), pin(0, 8192), pin(4096, 8192), PINS, unmap(0, 16384), PINS];
    expect(
      answers(MACHINE, steps)
        .filter((r) => r.call === 'pins.count')
        .map((r) => r.out['locked_pages']),
    ).toEqual([3, 0]);
  });

  it('the driver drops its pins when an area goes; unpinning a dropped one is ENOENT', () => {
    const unpin: StepWords = ['access.unpin', { access: '$access', pin: '$pin' }];
    expect(outcomes(MACHINE, [ALLOC, ACCESS, map(0, 4096), pin(0, 4096), unmap(0, 4096), unpin]).slice(4)).toEqual([
      'ok',
      'ENOENT',
    ]);
    expect(outcomes(MACHINE, [ALLOC, ACCESS, map(0, 4096), pin(0, 4096), unpin, unpin]).slice(4)).toEqual([
      'ok',
      'ENOENT',
    ]);
  });

  it.each<[string, StepWords[], string]>([
    ['over a hole', [map(0, 4096), map(8192, 4096), pin(0, 12288)], 'ENOENT'],
    ['over neighbours', [map(0, 4096), map(4096, 4096), pin(0, 8192)], 'ok'],
    ['part of a page at the end', [map(0, 8192), pin(0, 5000)], 'ok'],
    ['from inside a page', [map(0, 8192), pin(100, 4096)], 'EINVAL'],
    ['to write what is read-only', [map(0, 4096, { flags: 5 }), pin(0, 4096, { write: true })], 'EPERM'],
    ['to read what is write-only', [map(0, 8192, { flags: 3 }), pin(0, 8192)], 'ok'],
    ['what is not there', [map(0, 4096, { user_va: 4096 }), pin(0, 4096)], 'EFAULT'],
  ])('pinning %s: %3$s', (_what, steps, expected) => {
    expect(outcome(last(MACHINE, [ALLOC, ACCESS, ...steps]))).toBe(expected);
    expect(field(last(MACHINE, [ALLOC, ACCESS, ...steps, PINS]), 'locked_pages')).toBe(expected === 'ok' ? 2 : 0);
  });

  it('copies at any alignment; a hole ends it with ENOENT; a write is in no HWPT’s bitmap', () => {
    const steps: StepWords[] = [
      ALLOC,
      ACCESS,
      HWPT,
      map(0, 8192),
      ['IOMMU_HWPT_SET_DIRTY_TRACKING', { hwpt_id: '$hwpt', flags: 1 }],
      copy(100, 5000, 'write'),
      copy(8000, 1000),
      copy(0, 0),
      ['IOMMU_HWPT_GET_DIRTY_BITMAP', { hwpt_id: '$hwpt', iova: 0, length: 8192, page_size: 4096 }],
    ];
    expect(
      answers(MACHINE, steps)
        .slice(5)
        .map((r) => r.errno ?? r.out['count'] ?? 'ok'),
    ).toEqual(['ok', 'ENOENT', 'EINVAL', 0]);
  });
});

describe('options', () => {
  const option = (id: number, op: number, more: object = {}): StepWords => [
    'IOMMU_OPTION',
    { option_id: id, op, ...more },
  ];
  const huge = (op: number, val64 = 0): StepWords => option(1, op, { object_id: '$ioas', val64 });

  it('RLIMIT_MODE can be set before there is any object', () => {
    expect(answers({}, [option(0, 1), option(0, 0, { val64: 1 }), option(0, 1)]).map((r) => r.out['val64'])).toEqual([
      0, 1, 1,
    ]);
    expect(outcomes({}, [option(0, 0, { val64: 2 }), ALLOC, option(0, 0, { val64: 1 })])).toEqual([
      'EINVAL',
      'ok',
      'EBUSY',
    ]);
    expect(outcomes(MACHINE, [option(0, 0, { val64: 1 })])).toEqual(['EBUSY']);
  });

  it('HUGE_PAGES off maps in pages, raises the alignment, and is refused once a domain holds an area', () => {
    const steps = [ALLOC, huge(1), huge(0, 0), huge(1), RANGES, huge(0, 1), RANGES];
    const results = answers(MACHINE, steps);
    expect(results.slice(1).map((r) => r.out['val64'] ?? r.out['out_iova_alignment'])).toEqual([1, 0, 0, 4096, 1, 1]);
    expect(outcomes(MACHINE, [ALLOC, HWPT, huge(0, 0), map(0, 4096), huge(0, 1), huge(0, 0)]).slice(2)).toEqual([
      'ok',
      'ok',
      'ok',
      'EINVAL',
    ]);
    expect(outcomes(MACHINE, [ALLOC, map(0, 100), huge(0, 0), huge(1)]).slice(2)).toEqual(['EADDRINUSE', 'ok']);
    const walk: StepWords = ['table.walk', { hwpt: '$hwpt', iova: 0 }];
    expect(last(MACHINE, [ALLOC, huge(0, 0), HWPT, map(0, 0x200000), walk]).out['leaf_size']).toBe(4096);
    expect(last(MACHINE, [ALLOC, HWPT, map(0, 0x200000), walk]).out['leaf_size']).toBe(0x200000);
  });
});

describe('files and processes', () => {
  const FILE = { ...MACHINE, files: [{ fd: 5, gpa: 0x10000, size: 0x4000 }] };
  const mapFile = (start: number, length: number, more: object = {}): StepWords => [
    'IOMMU_IOAS_MAP_FILE',
    { ioas_id: '$ioas', flags: 7, fd: 5, start, length, iova: 0, ...more },
  ];
  const CHANGE: StepWords = ['IOMMU_IOAS_CHANGE_PROCESS'];

  it('a file is an alias of memory; past its end is EINVAL, once pinned', () => {
    const walk: StepWords = ['table.walk', { hwpt: '$hwpt', iova: 0 }];
    expect(last(FILE, [ALLOC, HWPT, mapFile(0x1000, 0x3000), walk]).out['pa']).toBe(2 ** 32 + 0x11000);
    expect(outcomes(FILE, [ALLOC, mapFile(0x1000, 0x4000), HWPT]).slice(1)).toEqual(['ok', 'EINVAL']);
    expect(outcomes(FILE, [ALLOC, HWPT, mapFile(0x1000, 0x4000)]).slice(2)).toEqual(['EINVAL']);
  });

  it('CHANGE_PROCESS is refused while any area maps memory of the process', () => {
    expect(
      outcomes(FILE, [ALLOC, CHANGE, mapFile(0, 4096), CHANGE, map(8192, 4096), CHANGE, unmap(8192, 4096), CHANGE]),
    ).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'EINVAL', 'ok', 'ok']);
  });
});

describe('user memory', () => {
  it('an array shorter than said ends where it cannot be read', () => {
    const allow = (ranges: object[], num_iovas: number): StepWords => [
      'IOMMU_IOAS_ALLOW_IOVAS',
      { ioas_id: '$ioas', num_iovas, allowed_iovas: ranges },
    ];
    expect(
      outcomes(MACHINE, [ALLOC, allow([{ start: 0, last: 9 }], 2), allow([{ start: 9, last: 0 }], 2)]).slice(1),
    ).toEqual(['EFAULT', 'EINVAL']);
  });

  it('a page_size that is no power of two acts as its lowest bit, and bits past the range land in the buffer', () => {
    const steps: StepWords[] = [
      ALLOC,
      HWPT,
      ATTACH_HWPT,
      map(0, 0x4000),
      ['IOMMU_HWPT_SET_DIRTY_TRACKING', { hwpt_id: '$hwpt', flags: 1 }],
      write(0x3000),
      ['buffer.alloc', { length: 8 }, 'buf'],
      ['IOMMU_HWPT_GET_DIRTY_BITMAP', { hwpt_id: '$hwpt', iova: 0, length: 0x4000, page_size: 0x3000, data: '$buf' }],
      ['buffer.read', { buffer: '$buf', length: 1 }],
    ];
    expect(last(MACHINE, steps).out).toEqual({ hex: '08' });
  });
});

describe('the frame', () => {
  it('a structure cut before its last mandatory field is EINVAL; bytes beyond it must be 0', () => {
    const alloc = (more: Readonly<Record<string, unknown>>): StepWords => ['IOMMU_IOAS_ALLOC', more];
    expect(
      outcomes(MACHINE, [
        alloc({ size: 11 }),
        alloc({ size: 12 }),
        alloc({ size: 64 }),
        alloc({ size: 64, __trailing: 1 }),
        alloc({ size: 12, __trailing: 1 }),
      ]),
    ).toEqual(['EINVAL', 'ok', 'ok', 'E2BIG', 'ok']);
  });

  it('optional fields that are not sent are 0', () => {
    const short = hwpt(2, 'h', { size: 24, data_type: 0, data_len: 7, fault_id: 9 });
    expect(outcome(last(MACHINE, [ALLOC, short]))).toBe('ok');
    expect(outcome(last(MACHINE, [ALLOC, hwpt(2, 'h', { size: 23 })]))).toBe('EINVAL');
  });

  it('the frame is looked at before the fields', () => {
    expect(outcome(last(MACHINE, [ALLOC, hwpt(2, 'h', { size: 100, __trailing: 1, __reserved: 1 })]))).toBe('E2BIG');
  });
});
