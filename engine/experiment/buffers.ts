// How a device's buffers are mapped behind a vIOMMU.

import { PAGE_SIZE } from '../core/units.ts';
import type { ParsedExperiment } from './schema.ts';

const HUGEPAGE = 2 * 1024 * 1024;

type AnyDevice = ParsedExperiment['devices'][number];
/** What of a device decides it. */
type Mapped =
  | Pick<Extract<AnyDevice, { type: 'nic' }>, 'type' | 'buffers'>
  | { readonly type: 'gpu' }
  | { readonly type: 'rdma'; readonly registrations: number; readonly ring: { readonly size: number } }
  | { readonly type: 'nvme' | 'accelerator'; readonly burst: number };

/** Buffers that stay mapped behind a vIOMMU: pages of one mapping. */
export function mappingPagesOf(device: Mapped): number {
  switch (device.type) {
    case 'nic':
      return device.buffers === 'hugepages' ? HUGEPAGE / PAGE_SIZE : 1;
    case 'gpu':
      return HUGEPAGE / PAGE_SIZE;
    case 'rdma':
      return Math.ceil(device.ring.size / PAGE_SIZE / device.registrations);
    case 'nvme':
    case 'accelerator':
      return Math.ceil(device.burst / PAGE_SIZE);
  }
}
