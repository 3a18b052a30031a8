// What each step costs in simulated time: one named constant with its unit, default, allowed range and source. An experiment
// overrides any of them under `costs:`; a host profile (`host:`) is a named set of overrides.
//
// Not modelled: costs that depend on cache state, on the number of sockets, or on load from outside the experiment.
// Values marked "estimate" are orders of magnitude from general knowledge, not a measurement: vary them before trusting a
// result that hangs on them.

export type CostUnit =
  'ns' | 'ns/page' | 'ns/GiB' | 'ns/MiB' | 'ns/entry' | 'ns/mapping' | 'bytes/s' | 'ratio' | 'pages';

export interface Cost {
  readonly unit: CostUnit;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly what: string;
  readonly source: string;
}

const cost = (
  value: number,
  unit: CostUnit,
  range: readonly [min: number, max: number],
  what: string,
  source: string,
): Cost => ({
  unit,
  value,
  min: range[0],
  max: range[1],
  what,
  source,
});

const MS = 1e6;
const US = 1e3;

export const COSTS = {
  // vCPUs and KVM
  vcpu_page_write: cost(60, 'ns/page', [1, 1e6], 'one page write by a vCPU at full speed', 'measured guest: 17 M/s'),
  background_pages: cost(2, 'pages', [0, 4096], 'pages the guest writes all the time even when idle', 'measured: 2'),
  wp_fault: cost(260, 'ns/page', [0, 1e6], 'write-protect fault of a vCPU, fast path', 'cloud-hypervisor issue 8899'),
  wp_fault_split: cost(
    4 * US,
    'ns',
    [0, 1e9],
    'first write to a huge page: split under the lock, without eager split',
    'KVM list, Matlack 2022, derived',
  ),
  eager_split_gib: cost(1 * MS, 'ns/GiB', [0, 1e9], 'eager split of huge pages', 'KVM list, Matlack 2022, derived'),
  pml_exit: cost(2 * US, 'ns', [0, 1e6], 'exit of a full PML buffer of 512 entries', 'estimate'),
  ring_exit: cost(5 * US, 'ns', [0, 1e9], 'exit of a vCPU whose dirty ring is full, to its return', 'estimate'),
  ring_collect: cost(30, 'ns/page', [0, 1e6], 'collect and reset one ring entry', 'estimate'),
  slot_change: cost(60 * US, 'ns', [0, 1e9], 'add or delete a KVM memslot, with its synchronize_srcu', 'estimate'),
  log_enable: cost(0.1 * MS, 'ns', [0, 1e10], 'switch dirty logging on, initially set', 'cloud-hypervisor issue 8899'),
  log_enable_gib: cost(
    4.5 * MS,
    'ns/GiB',
    [0, 1e9],
    'switch dirty logging on when every page is write-protected at once',
    'cloud-hypervisor issue 8899: 4-5 ms/GiB',
  ),
  log_get: cost(20 * US, 'ns', [0, 1e9], 'KVM_GET_DIRTY_LOG of one slot, fixed part', 'estimate'),
  log_get_gib: cost(10 * US, 'ns/GiB', [0, 1e9], 'copy and merge the dirty log: 32 KiB of bitmap per GiB', 'estimate'),
  log_get_page: cost(
    5,
    'ns/page',
    [0, 1e6],
    'handling of one dirty page, at most one word of 64, in a sync',
    'estimate',
  ),
  log_clear: cost(2 * US, 'ns', [0, 1e9], 'KVM_CLEAR_DIRTY_LOG of one chunk, fixed part', 'estimate'),
  log_clear_page: cost(
    5.7,
    'ns/page',
    [0, 1e6],
    're-protect one page in a clear, under the mmu lock',
    'cloud-hypervisor issue 8899: 1.5 ms/GiB',
  ),
  sync_fixed: cost(0.1 * MS, 'ns', [0, 1e10], 'bitmap sync, fixed part', 'measured: 0.09-0.36 ms up to 2 GiB'),
  throttle_wake: cost(
    50 * US,
    'ns',
    [0, 5 * MS],
    'from the end of a throttle sleep to guest code running: timer slack, big lock',
    'estimate; measured with TCG: 0.9 ms',
  ),
  sync_waits_vcpu: cost(
    0,
    'ratio',
    [0, 1],
    'share of a throttled vCPU’s sleep that a bitmap sync waits for: 0 with KVM, 1 with TCG',
    'measured with TCG: 15 ms at 80 %, 0.79 s at 99 %',
  ),
  lock_stall: cost(1, 'ratio', [0, 1], 'share of lock-hold time that writing vCPUs lose', 'estimate'),
  bql_stall: cost(0.05, 'ratio', [0, 1], 'share of big-lock time that vCPUs lose (device exits wait)', 'estimate'),

  // The migration thread and the wire
  setup: cost(3.4 * MS, 'ns', [0, 1e11], 'from the command to the first page', 'measured: 3.4 ms (1.6-15)'),
  rate_slack: cost(0.1 * MS, 'ns', [0, 1e9], 'wake-up after the end of a rate window', 'measured: windows of 100.1 ms'),
  page_send: cost(900, 'ns/page', [1, 1e7], 'copy one page into the stream on the main channel', 'estimate: 4.5 GB/s'),
  page_unbacked: cost(
    0,
    'ns/page',
    [0, 1e7],
    'a page for which the destination’s host must first find memory; 0: it has it',
    'measured on a host that is a virtual machine itself: 12 us',
  ),
  unbacked_share: cost(
    0,
    'ratio',
    [0, 1],
    'share of what arrives first, part of every 256 MiB, for which memory must be found',
    'measured there: a quarter, of single runs a tenth to all',
  ),
  page_send_multifd: cost(900, 'ns/page', [1, 1e7], 'the same, by one multifd channel', 'estimate'),
  page_send_zero_copy: cost(
    250,
    'ns/page',
    [1, 1e7],
    'hand one page to the kernel by reference (MSG_ZEROCOPY)',
    'estimate',
  ),
  multifd_sync: cost(60 * US, 'ns', [0, 1e9], 'wait until every channel has sent what it has', 'estimate'),
  page_queue_multifd: cost(120, 'ns/page', [0, 1e7], 'hand one page to a multifd channel', 'estimate'),
  zero_page: cost(250, 'ns/page', [1, 1e6], 'find a page to be zero and send 9 bytes', 'measured: 0.22-0.28 us'),
  page_send_stopped: cost(900, 'ns/page', [1, 1e7], 'page_send while the guest is stopped', 'as page_send'),
  xbzrle_encode: cost(1.5 * US, 'ns/page', [0, 1e7], 'compare a page with its cached copy and encode', 'estimate'),
  send_latency: cost(50 * US, 'ns', [0, 1e10], 'from the last byte away to the destination having it', 'estimate'),

  link_timeout: cost(
    900e9,
    'ns',
    [0, 1e13],
    'until TCP gives up a link that is down for good',
    'Linux tcp_retries2: 924.6 s',
  ),

  // Stop and resume
  vm_stop: cost(0.14 * MS, 'ns', [0, 1e11], 'from the decision to all vCPUs stopped', 'measured: 0.14 ms (0.06-3.9)'),
  device_state_other: cost(
    1.5 * MS,
    'ns',
    [0, 1e11],
    'state of the emulated devices, block inactivate, end of stream',
    'measured: downtime floor about 3 ms',
  ),
  return_path: cost(0.5 * MS, 'ns', [0, 1e11], 'until the return path is closed', 'estimate'),
  resume: cost(
    3.1 * MS,
    'ns',
    [0, 1e11],
    'from the source being done to the guest running',
    'measured: 3.1 ms (2.0-4.7)',
  ),
  postcopy_fault: cost(
    2 * MS,
    'ns',
    [0, 1e9],
    'a userfault: request, page back behind what the socket holds, wake up',
    'estimate: a few MiB of socket buffer at 10 Gbit/s',
  ),
  postcopy_fault_preempt: cost(300 * US, 'ns', [0, 1e9], 'a userfault with a channel of its own', 'estimate'),

  // IOMMU and devices
  iotlb_flush: cost(2 * US, 'ns', [0, 1e9], 'IOTLB invalidation of a range or domain, with its wait', 'estimate'),
  iotlb_miss: cost(
    100,
    'ns',
    [0, 1e6],
    'one page-table walk by the unit; a device’s walks come one after another',
    'estimate',
  ),
  pte_walk: cost(
    4,
    'ns/entry',
    [0, 1e6],
    'read and clear one leaf entry in a harvest',
    'performance.md: 16 GiB in 8.5 ms',
  ),
  dirty_ioctl: cost(3 * US, 'ns', [0, 1e9], 'one IOMMU or VFIO dirty query, fixed part', 'estimate'),
  bitmap_copy: cost(
    60 * US,
    'ns/MiB',
    [0, 1e9],
    'copy a type1 dirty bitmap to the user, or zero it before the call',
    'estimate: 17 GB/s',
  ),
  bitmap_merge: cost(
    130 * US,
    'ns/MiB',
    [0, 1e9],
    'merge a type1 dirty bitmap into the VMM’s, word by word',
    'performance.md: 32 MiB in 2.6-6 ms',
  ),
  bitmap_shift: cost(
    172 * US,
    'ns/MiB',
    [0, 1e9],
    'shift a type1 dirty bitmap to its place: in the kernel, or while it is merged',
    'performance.md: 32 MiB, 13 bits apart, in 5.5 ms',
  ),
  iommu_map: cost(0.3 * US, 'ns/mapping', [0, 1e9], 'one map operation, without pinning', 'estimate'),
  pin_page: cost(
    0.2 * US,
    'ns/page',
    [0, 1e6],
    'pin one page that is there and was not pinned',
    'Linux 4d83de6da265: 64 GB in 16.0 s, of which 79 % clears pages',
  ),
  iommu_unmap: cost(0.5 * US, 'ns/mapping', [0, 1e9], 'one unmap operation without its flush', 'estimate'),
  guest_dma_map: cost(
    0.15 * US,
    'ns',
    [0, 1e9],
    'a guest driver maps a buffer: IOVA and entries, without exits',
    'estimate',
  ),
  guest_dma_unmap: cost(0.15 * US, 'ns', [0, 1e9], 'a guest driver unmaps a buffer, without exits', 'estimate'),
  viommu_exit: cost(2 * US, 'ns', [0, 1e9], 'one exit of a guest to the emulated IOMMU', 'estimate'),
  viommu_sync_mapping: cost(1 * US, 'ns/mapping', [0, 1e9], 'dirty query of one guest mapping', 'QEMU: one ioctl each'),
  viommu_walk: cost(
    0.25 * US,
    'ns/mapping',
    [0, 1e6],
    'walk of a guest’s table by the emulated unit, where its IOTLB does not know the IOVA',
    'estimate: four reads of guest memory that depend on each other',
  ),
  split_entry: cost(
    0.5,
    'ns/entry',
    [0, 1e6],
    'write one entry when a block is split',
    'performance.md: 1 GiB in 0.13 ms',
  ),
  device_stop: cost(2 * MS, 'ns', [0, 1e11], 'a device to STOP_COPY', 'estimate'),
} as const satisfies Record<string, Cost>;

export type CostName = keyof typeof COSTS;
/** Every cost by name, in its unit. */
export type Costs = Readonly<Record<CostName, number>>;

export const COST_NAMES = Object.keys(COSTS) as readonly CostName[];

export function costsWith(overrides: Readonly<Partial<Record<CostName, number>>>): Costs {
  const result: Partial<Record<CostName, number>> = {};
  for (const name of COST_NAMES) result[name] = overrides[name] ?? COSTS[name].value;
  // An object that grew name by name is a hash table to V8, its copy is not: hot paths read a cost at every step.
  return { ...result } as Costs;
}
