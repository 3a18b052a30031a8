// Defaults that depend on other fields. What comes in is valid section by section; what goes out is complete.

import { GIB, MIB, PAGE_SIZE } from '../core/units.ts';
import type { Experiment, ParsedExperiment, Region } from './schema.ts';

/** Memory below this holds firmware and boot code; filling and working sets begin here by default. */
export const FILL_START = 2 * MIB;
const POPULATED = 0.6;

/** All RAM that the guest can ever have: its memory and its modules, in bytes. */
export function ramBytes(guest: {
  readonly memory: number;
  readonly dimms: readonly { readonly size: number }[];
}): number {
  return guest.dimms.reduce((sum, dimm) => sum + dimm.size, guest.memory);
}

/** Bytes that are not zero: `filled` as given, or a share of the memory, whole pages. */
export function filledBytes(guest: ParsedExperiment['guest']): number {
  if (guest.filled !== undefined) return guest.filled;
  const most = Math.max(0, guest.memory - FILL_START);
  const asked = Math.floor((guest.memory * (guest.populated ?? POPULATED)) / PAGE_SIZE) * PAGE_SIZE;
  return Math.min(asked, most);
}

/** Where the rings of devices without an offset lie: one below the other, from the top of the guest's memory. */
export function placeRings(experiment: Pick<ParsedExperiment, 'guest' | 'devices'>): Region[] {
  let top = experiment.guest.memory;
  return experiment.devices.map(({ ring }) => {
    if (ring.offset !== undefined) return { offset: ring.offset, size: ring.size };
    // Aligned so that a block of the page table does not hold buffers of two devices, where there is room.
    const grain = ring.size >= GIB ? GIB : ring.size >= 2 * MIB ? 2 * MIB : PAGE_SIZE;
    const aligned = Math.floor((top - ring.size) / grain) * grain;
    const offset = Math.max(0, aligned >= FILL_START ? aligned : top - ring.size);
    top = offset;
    return { offset, size: ring.size };
  });
}

/** The working set of a workload: without a size it reaches to the end of the filled memory, or of all memory. */
export function regionOf(
  { offset, size }: { readonly offset: number; readonly size?: number | undefined },
  guest: ParsedExperiment['guest'],
): Region {
  if (size !== undefined) return { offset, size };
  const filledEnd = Math.min(guest.memory, FILL_START + filledBytes(guest));
  const end = filledEnd > offset ? filledEnd : guest.memory;
  return { offset, size: Math.max(0, end - offset) };
}

const FLUSH_QUEUE = {
  'per-cpu': { entries: 256, timer: 10_000_000 },
  single: { entries: 32768, timer: 1_000_000_000 },
} as const;
const EMULATED_IOTLB = { none: 1024, shadow: 1024, explicit: 256, nested: 256 } as const;

export function resolve(parsed: ParsedExperiment): Experiment {
  const { guest, viommu, iommu } = parsed;
  const { memory, backing, machine, vcpus, dimms, regions } = guest;
  const withRegion = <T extends { pattern: string }>(item: T): T => {
    if ('phases' in item) return { ...item, phases: (item.phases as { pattern: string }[]).map(withRegion) };
    if (!('region' in item)) return item;
    return { ...item, region: regionOf(item.region as { offset: number; size?: number }, guest) };
  };
  const rings = placeRings(parsed);
  const queue = FLUSH_QUEUE[viommu.flush_queue.kind];
  const resolved = {
    ...parsed,
    guest: {
      ...{ memory, backing, machine, vcpus, dimms, regions },
      filled: filledBytes(guest),
      workloads: guest.workloads.map(withRegion),
    },
    devices: parsed.devices.map((device, i) => ({ ...device, ring: rings[i]! })),
    iommu: { ...iommu, page_sizes: [...(iommu.page_sizes ?? [iommu.granule])].sort((a, b) => a - b) },
    viommu: {
      ...viommu,
      iotlb: viommu.iotlb ?? EMULATED_IOTLB[viommu.mode],
      flush_queue: {
        kind: viommu.flush_queue.kind,
        entries: viommu.flush_queue.entries ?? queue.entries,
        timer: viommu.flush_queue.timer ?? queue.timer,
      },
    },
  };
  return resolved as unknown as Experiment;
}
