// The container as merged, and as it was proposed or weighed.
import { describe, expect, it } from 'vitest';
import { ALIGNED_BITMAP, AS_MERGED, ONE_MAPPING, SLOT_AT_A_TIME } from '../../../engine/vfio/type1-rules.ts';
import { BASE_VA, last, outcome } from '../uapi/aScript.ts';
import type { StepWords } from '../uapi/aScript.ts';

const PAGE = 4096;
const MACHINE = {
  container: 'type1v2',
  iommu: { format: 'amd-v1', page_sizes: [PAGE] },
  devices: [{ name: 'mdev', kind: 'mdev' }],
};
const map = (page: number, pages: number): StepWords => [
  'VFIO_IOMMU_MAP_DMA',
  { flags: 3, vaddr: BASE_VA, iova: page * PAGE, size: pages * PAGE },
];
const before: readonly StepWords[] = [
  ['device.attach', { device: 'mdev', to: 'container' }],
  map(70, 10),
  map(80, 6),
  ['VFIO_IOMMU_DIRTY_PAGES', { flags: 1 }],
  ['mdev.rw', { device: 'mdev', iova: 71 * PAGE, length: 1, op: 'write' }],
  ['mdev.rw', { device: 'mdev', iova: 82 * PAGE, length: 1, op: 'write' }],
];
const bytes = 16;
const unmapDirty = (page: number, pages: number): StepWords => [
  'VFIO_IOMMU_UNMAP_DMA',
  { flags: 1, iova: page * PAGE, size: pages * PAGE, bitmap: { pgsize: PAGE, size: bytes } },
];
const read = (page: number, pages: number): StepWords => [
  'VFIO_IOMMU_DIRTY_PAGES',
  { flags: 4, iova: page * PAGE, size: pages * PAGE, bitmap: { pgsize: PAGE, size: bytes } },
];

describe('unmap with dirty bitmap', () => {
  it('as merged takes any whole mappings; as agreed on the list exactly one', () => {
    const both = [...before, unmapDirty(70, 16)];
    expect(last(MACHINE, both, AS_MERGED).out['dirty']).toEqual([
      [1, 1],
      [12, 12],
    ]);
    expect(outcome(last(MACHINE, both, ONE_MAPPING))).toBe('EINVAL');
    expect(last(MACHINE, [...before, unmapDirty(80, 6)], ONE_MAPPING).out).toMatchObject({ dirty: [[2, 2]] });
    expect(outcome(last(MACHINE, [...before, unmapDirty(80, 7)], ONE_MAPPING))).toBe('EINVAL');
    expect(outcome(last(MACHINE, [...before, unmapDirty(0, 7)], ONE_MAPPING))).toBe('EINVAL');
  });
});

describe('reading', () => {
  it('slot at a time takes exactly one mapping', () => {
    expect(outcome(last(MACHINE, [...before, read(70, 16)], AS_MERGED))).toBe('ok');
    expect(outcome(last(MACHINE, [...before, read(70, 16)], SLOT_AT_A_TIME))).toBe('EINVAL');
    expect(last(MACHINE, [...before, read(80, 6)], SLOT_AT_A_TIME).out['dirty']).toEqual([[2, 2]]);
  });

  it('from the aligned IOVA puts bit 0 at a multiple of 64 pages, so that neighbours share whole words', () => {
    expect(last(MACHINE, [...before, read(80, 6)], AS_MERGED).out['dirty']).toEqual([[2, 2]]);
    // 82 - 64: the same bit that a read of both mappings from page 64 on would set.
    expect(last(MACHINE, [...before, read(80, 6)], ALIGNED_BITMAP).out['dirty']).toEqual([[18, 18]]);
    expect(last(MACHINE, [...before, read(70, 10)], ALIGNED_BITMAP).out['dirty']).toEqual([[7, 7]]);
  });
});
