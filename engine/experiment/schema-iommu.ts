// The host's IOMMU with its front door, the guest's vIOMMU, the trackers of dirty pages, and the known defects.

import * as z from 'zod';
import { KIB, NS_PER_MS, NS_PER_SECOND, PAGE_SIZE, TIB } from '../core/units.ts';
import { count, field, powerOfTwo } from './field.ts';
import { MAX_NS } from './limits.ts';
import { duration, size } from './quantity.ts';

export const IOMMU_FORMATS = ['amd-v1', 'vtd-ss', 'arm-lpae-s1', 'arm-lpae-s2', 'x86-64'] as const;

const iotlb = z.strictObject({
  sets: field(
    powerOfTwo(
      count(1, 65536),
      'the number of sets is not a power of two: address bits choose the set\nFor example: 64',
    ).prefault(64),
    {
      title: 'sets',
      description: 'Sets of the IOTLB, a power of two.',
      source: 'assumption; vendors publish no sizes',
    },
  ),
  ways: field(count(1, 64).prefault(8), {
    title: 'ways',
    description: 'Entries in each set.',
    source: 'assumption; vendors publish no sizes',
  }),
  dirty_writeback: field(z.enum(['memory', 'held']).prefault('memory'), {
    title: 'dirty write-back',
    description: 'The Dirty bit goes to the PTE at once, or stays in the entry until it is evicted or flushed.',
    source: 'vendors differ; flushing makes both equal (iommu mailing list, 2022)',
  }),
});

const split = z.strictObject({
  when: field(z.enum(['never', 'at-start', 'ahead', 'on-first-write']).prefault('never'), {
    title: 'when',
    description: 'Blocks are split into pages when tracking starts, ahead of it, on the first write, or never.',
    source: 'SMMUv3 dirty-log RFC (2021); no kernel does it today',
  }),
  lead: field(duration({ min: 0, max: MAX_NS, example: '1s' }).prefault('1s'), {
    title: 'lead',
    description: 'With `ahead`: how long before the migration the splitting begins.',
    source: 'the lab',
  }),
  order: field(z.enum(['sub-table-first', 'recursive']).prefault('sub-table-first'), {
    title: 'order',
    description: 'Build all tables unseen and swap once, or replace level by level.',
    source: 'SMMUv3 dirty-log RFC and its review (2021)',
  }),
  bbm: field(count(0, 2).prefault(2), {
    title: 'break-before-make level',
    description: '0: an invalid entry in between (DMA faults); 1: the nT bit; 2: swap directly.',
    source: 'Arm SMMUv3 IDR3.BBML',
  }),
  fail_at: field(count(1, 1e9).optional(), {
    title: 'allocation fails at',
    description: 'The n-th table allocation of the split fails: its block keeps block granule. Without it none fails.',
  }),
});

const type1 = z.strictObject({
  tracker: field(z.enum(['everything', 'pinned', 'hardware']).prefault('everything'), {
    title: 'tracker',
    description: 'What type1 reports: all that is mapped (real devices), pinned pages (mdev), or hardware bits.',
    source: 'drivers/vfio/vfio_iommu_type1.c; hardware bits were proposed, never merged',
  }),
  unmap_dirty: field(z.enum(['whole-mappings', 'one-mapping']).prefault('whole-mappings'), {
    title: 'unmap with dirty bitmap',
    description: 'Any set of whole mappings, as merged, or exactly one, as the discussion settled.',
    source: 'drivers/vfio/vfio_iommu_type1.c',
  }),
  bitmap: field(z.enum(['from-iova', 'aligned', 'per-slot']).prefault('from-iova'), {
    title: 'bitmap base',
    description: 'Bit 0 is the requested IOVA, an aligned IOVA (neighbours merge by bytes), or a slot as in KVM.',
    source: 'drivers/vfio/vfio_iommu_type1.c',
  }),
  mappings: field(count(1, 100_000_000).prefault(65535), {
    title: 'mapping limit',
    description: 'dma_entry_limit: mappings a container may hold.',
    source: 'vfio_iommu_type1 module parameter',
  }),
});

export const iommuSchema = z.strictObject({
  api: field(z.enum(['iommufd', 'type1']).prefault('iommufd'), {
    title: 'kernel interface',
    governs: true,
    description: 'The front door that the VMM uses: iommufd or the VFIO type1 container.',
    source: 'the lab',
  }),
  format: field(z.enum(IOMMU_FORMATS).prefault('amd-v1'), {
    title: 'page-table format',
    description: 'Format of the kernel-owned table. Only amd-v1, vtd-ss and arm-lpae-s1 can track dirty pages.',
    source: 'drivers/iommu/generic_pt/fmt, io-pgtable-arm.c',
  }),
  granule: field(size({ min: 4 * KIB, max: 64 * KIB, example: '4KiB' }).prefault('4KiB'), {
    title: 'granule',
    description: 'Smallest page of the format: 4KiB; Arm also has 16KiB and 64KiB.',
    source: 'io-pgtable-arm.c',
  }),
  page_sizes: field(
    z
      .array(size({ min: 4 * KIB, max: 2048 * TIB, example: '2MiB' }))
      .min(1, { error: 'at least one page size is needed\nFor example: [4KiB, 2MiB]' })
      .max(52)
      .optional(),
    {
      title: 'page sizes',
      description: 'Leaf sizes for mapping guest RAM; the largest that fits is taken. Default: the granule alone.',
      source: 'pgsize_bitmap of the domain (drivers/iommu/iommu.c, iommu_pgsize)',
    },
  ),
  iotlb: field(iotlb.prefault({}), { title: 'IOTLB', description: 'The cache of translations in the IOMMU.' }),
  flush: field(z.enum(['after-clear', 'before-clear', 'never']).prefault('after-clear'), {
    title: 'flush',
    description: 'When a harvest flushes the IOTLB. Only after-clear is safe: a cached dirty entry sets D no more.',
    source: 'drivers/iommu/iommufd/io_pagetable.c',
  }),
  split: field(split.prefault({}), { title: 'split', description: 'Splitting blocks so that dirt has page grain.' }),
  collapse: field(z.boolean().prefault(false), {
    title: 'collapse',
    description: 'Whether split blocks are put together again when tracking ends.',
    source: 'SMMUv3 dirty-log RFC (2021)',
  }),
  unmap: field(
    z
      .enum(['unmap-only', 'read-then-unmap', 'nonpresent-flush-read', 'query-then-unmap', 'exchange'])
      .prefault('query-then-unmap'),
    {
      title: 'unmap policy',
      description: 'How dirt is taken from a mapping that goes: query-then-unmap is what QEMU does with iommufd today.',
      source: 'QEMU 11.0 hw/vfio/iommufd.c',
    },
  ),
  fault: field(z.enum(['lost', 'stall']).prefault('lost'), {
    title: 'IO page fault',
    description: 'DMA to an IOVA without a mapping is lost, or stalls until there is one.',
    source: 'PCIe without PRI loses it',
  }),
  pins: field(z.enum(['copy', 'map']).prefault('copy'), {
    title: 'pins',
    description: 'A second container maps the guest by IOAS_COPY (pins are shared) or by IOAS_MAP (pinned again).',
    source: 'drivers/iommu/iommufd/pages.c',
  }),
  memlock: field(size({ min: 0, max: 1024 * TIB, example: '64GiB' }).optional(), {
    title: 'memory-lock limit',
    description: 'RLIMIT_MEMLOCK of the VMM: pinning more is refused with ENOMEM. Without it there is no limit.',
    source: 'drivers/iommu/iommufd/pages.c',
  }),
  type1: field(type1.prefault({}), { title: 'type1', description: 'Variants of the type1 rules.' }),
});

const flushQueue = z.strictObject({
  kind: field(z.enum(['per-cpu', 'single']).prefault('per-cpu'), {
    title: 'kind',
    description: 'One queue per CPU, or a single shared one.',
    source: 'drivers/iommu/dma-iommu.c',
  }),
  entries: field(
    powerOfTwo(count(2, 1_048_576), 'not a power of two: the queue is a ring with a mask\nFor example: 256').optional(),
    {
      title: 'entries',
      description: 'Unmaps collected before a flush. Default: 256 per CPU, 32768 shared.',
      source: 'drivers/iommu/dma-iommu.c',
    },
  ),
  timer: field(duration({ min: 1000, max: 60 * NS_PER_SECOND, example: '10ms' }).optional(), {
    title: 'timer',
    description: 'Longest wait before a flush. Default: 10 ms per CPU, 1 s shared.',
    source: 'drivers/iommu/dma-iommu.c',
  }),
});

export const viommuSchema = z.strictObject({
  mode: field(z.enum(['none', 'shadow', 'explicit', 'nested']).prefault('none'), {
    title: 'mode',
    governs: true,
    description: 'No vIOMMU; shadowing (VT-d caching mode); explicit requests (virtio-iommu); nested stages.',
    source: 'QEMU hw/i386/intel_iommu.c, hw/virtio/virtio-iommu.c',
  }),
  driver: field(z.enum(['passthrough', 'strict', 'lazy', 'pooled']).prefault('strict'), {
    title: 'guest driver',
    description: 'Identity mapping; flush at every unmap; batched flushes; or mappings kept in a pool.',
    source: 'drivers/iommu/dma-iommu.c; caching mode forces strict',
  }),
  flush_queue: field(flushQueue.prefault({}), {
    title: 'flush queue',
    description: 'The lazy driver’s queue of unmaps that wait for a flush.',
  }),
  iova: field(z.enum(['reuse', 'fresh']).prefault('reuse'), {
    title: 'IOVA allocation',
    description: 'Freed addresses are reused at once from per-CPU magazines, as Linux does, or as late as possible.',
    source: 'drivers/iommu/iova.c',
  }),
  address_width: field(count(39, 57).prefault(48), {
    title: 'address width',
    description: 'Bits of a guest IOVA (aw-bits).',
    source: 'include/hw/i386/intel_iommu.h',
  }),
  queue: field(count(2, 65536).prefault(256), {
    title: 'request queue',
    description: 'Entries of the invalidation or request queue.',
    source: 'VT-d: 256 of 16 bytes; virtio-iommu: 256',
  }),
  iotlb: field(count(1, 1_048_576).optional(), {
    title: 'emulated IOTLB',
    description: 'Entries of the emulated IOTLB. Default: 1024 (VT-d), 256 (SMMUv3).',
    source: 'hw/i386/intel_iommu_internal.h, include/hw/arm/smmu-common.h',
  }),
});

export const trackingSchema = z.strictObject({
  vcpus: field(z.enum(['dirty-log', 'dirty-log-legacy', 'dirty-ring']).prefault('dirty-log'), {
    title: 'vCPU tracker',
    governs: true,
    description: 'KVM’s dirty log with manual protect and clear, the legacy log that clears on get, or the ring.',
    source: 'Documentation/virt/kvm/api.rst',
  }),
  hardware: field(z.enum(['write-protect', 'pml']).prefault('write-protect'), {
    title: 'write detection',
    description: 'First writes fault on write-protected pages, or the CPU logs them (Intel PML, 512 entries).',
    source: 'arch/x86/kvm/vmx/vmx.c',
  }),
  initially_set: field(z.boolean().prefault(true), {
    title: 'initially set',
    description: 'KVM_DIRTY_LOG_INITIALLY_SET: the first log is all ones and pages are protected when cleared.',
    source: 'accel/kvm/kvm-all.c; never with the ring',
  }),
  clear_chunk: field(
    powerOfTwo(
      size({ min: 64 * PAGE_SIZE, max: 8 * TIB, example: '1GiB' }),
      'not a power of two (x-clear-bitmap-shift is 6 to 31)\nFor example: 1GiB',
    ).prefault('1GiB'),
    {
      title: 'clear chunk',
      description: 'The log is cleared in chunks of this size, when the first page of a chunk is sent.',
      source: 'x-clear-bitmap-shift 18 (migration/migration.h)',
    },
  ),
  eager_split: field(z.boolean().prefault(true), {
    title: 'eager page split',
    description: 'Huge stage-2 pages are split when logging starts or clears, not at the first write.',
    source: 'kvm.eager_page_split=Y',
  }),
  ring: field(
    z
      .strictObject({
        entries: field(
          powerOfTwo(
            count(1, 65536),
            'QEMU refuses: dirty-ring-size must be a power of two.\nFor example: 4096',
          ).prefault(4096),
          {
            title: 'entries',
            description: 'Entries of each vCPU’s ring: a power of two; above 576 with PML.',
            source: 'dirty-ring-size; max 65536 (virt/kvm/dirty_ring.c)',
          },
        ),
        reaper: field(duration({ min: NS_PER_MS, max: 60 * NS_PER_SECOND, example: '1s' }).prefault('1s'), {
          title: 'reaper',
          description: 'How often the reaper thread collects the rings.',
          source: 'accel/kvm/kvm-all.c',
        }),
      })
      .prefault({}),
    { title: 'dirty ring', description: 'The rings, when the vCPU tracker is the ring.' },
  ),
  devices: field(z.enum(['auto', 'device', 'iommu', 'everything', 'none']).prefault('auto'), {
    title: 'device tracker',
    description: 'QEMU’s choice, or forced: the devices’ DMA logs, the IOMMU’s Dirty bits, all pages, nothing.',
    source: 'hw/vfio/common.c',
  }),
  query: field(z.enum(['section', 'space']).prefault('section'), {
    title: 'range of a query',
    description: 'GET_DIRTY_BITMAP for each mapped section, as QEMU asks, or once for the whole space, holes included.',
    source: 'hw/vfio/common.c; see defects.walk_stops_at_hole',
  }),
  precopy: field(z.boolean().prefault(true), {
    title: 'track in pre-copy',
    description: 'x-pre-copy-dirty-page-tracking: off asks for device dirt only at the end.',
    source: 'hw/vfio/pci.c',
  }),
});

export const memoryMapSchema = z.strictObject({
  update: field(z.enum(['as-is', 'compared', 'unmergeable']).prefault('as-is'), {
    title: 'update',
    description: 'A flat-view change is applied as deletes and adds, compared first, or regions never merge.',
    source: 'QEMU system/memory.c; discussion of October 2020',
  }),
  hotplug_while_migrating: field(z.boolean().prefault(false), {
    title: 'memory hotplug while migrating',
    description: 'Lets memory modules come and go during a migration all the same, to see the race that QEMU forbids.',
    source: 'QEMU refuses device_add and device_del while migrating (system/qdev-monitor.c)',
  }),
});

const defect = (title: string, description: string, source: string, byDefault: boolean): z.ZodPrefault<z.ZodBoolean> =>
  field(z.boolean().prefault(byDefault), { title, description, source });

export const defectsSchema = z.strictObject({
  unmap_without_query: defect(
    'unmap without query',
    'The iommufd backend unmaps without reading dirty bits, as QEMU did before 11.0.',
    'QEMU < 11.0 hw/vfio/iommufd.c',
    false,
  ),
  region_del_without_entry: defect(
    'region removal without an entry',
    'Removing a RAM section passes no IOTLB entry, so its dirty bits are dropped, as QEMU did before 11.0.',
    'QEMU < 11.0 hw/vfio/listener.c',
    false,
  ),
  whole_space_unmap_at_zero: defect(
    'whole-space unmap at address 0',
    'An unmap of the whole guest space reports its dirt at RAM address 0 in one 16 TiB piece.',
    'QEMU < 11.0 hw/i386/intel_iommu.c',
    false,
  ),
  slot_removal_drops_buffers: defect(
    'slot removal drops buffers',
    'Removing a KVM slot loses what still sits in PML buffers and what is written after the last get.',
    'accel/kvm/kvm-all.c states both holes',
    false,
  ),
  mixed_container_skips: defect(
    'mixed container skips',
    'A sync skips an HWPT without dirty tracking silently: writes of its devices are not seen.',
    'hw/vfio/iommufd.c',
    false,
  ),
  contiguous_last_page: defect(
    'last page of contiguous leaves',
    'A dirty contiguous AMD leaf is reported without its last base page, yet cleaned.',
    'generic_pt record_dirty(), Linux 7.x; read from source, no hardware run',
    false,
  ),
  walk_stops_at_hole: defect(
    'walk stops at a hole',
    'GET_DIRTY_BITMAP over a hole succeeds and is silent about everything behind it, as Linux does today.',
    'drivers/iommu/iommufd/io_pagetable.c',
    true,
  ),
});
