// The passthrough devices of an experiment: what each writes by DMA, how it migrates, who can track it.
// One type a device model, with its own fields and realistic defaults; what all have in common stands first.

import * as z from 'zod';
import { GIB, NS_PER_SECOND, PAGE_SIZE, TIB } from '../core/units.ts';
import { count, field, identifier, powerOfTwo, toggle } from './field.ts';
import { MAX_GUEST_BYTES, MAX_NS } from './limits.ts';
import { byteRate, duration, share, size } from './quantity.ts';

const MODEL = 'typical of the kind; the lab';
const RATE_MAX = 2 * TIB;

const ring = (sizeDefault: string): z.ZodType<{ offset?: number | undefined; size: number }> =>
  field(
    z
      .strictObject({
        offset: field(size({ multiple: PAGE_SIZE, max: MAX_GUEST_BYTES, example: '1GiB' }).optional(), {
          title: 'first byte',
          description: 'Where its DMA buffers begin in guest RAM. Without it, the lab places them at the top of RAM.',
        }),
        size: field(
          size({ min: PAGE_SIZE, multiple: PAGE_SIZE, max: MAX_GUEST_BYTES, example: '16MiB' }).prefault(sizeDefault),
          {
            title: 'size',
            description: 'How much guest RAM its DMA buffers take.',
            source: MODEL,
          },
        ),
      })
      .prefault({}),
    { title: 'DMA buffers', description: 'The part of guest RAM that the device writes.' },
  );

const rate = (byDefault: string): z.ZodType<number> =>
  field(byteRate({ min: 0, max: RATE_MAX, example: '25Gbit/s' }).prefault(byDefault), {
    title: 'DMA rate',
    description: 'Bytes per second that the device writes to memory while it runs.',
    source: MODEL,
  });
const burst = (byDefault: string): z.ZodType<number> =>
  field(size({ min: PAGE_SIZE, max: GIB, multiple: PAGE_SIZE, example: '64KiB' }).prefault(byDefault), {
    title: 'burst',
    description: 'Bytes written back to back at consecutive addresses.',
    source: MODEL,
  });
const pattern = (byDefault: 'ring' | 'random'): z.ZodType<'ring' | 'random'> =>
  field(z.enum(['ring', 'random']).prefault(byDefault), {
    title: 'order',
    description: 'Buffers one after another round the ring, or drawn at random.',
    source: MODEL,
  });

interface MigrationDefaults {
  readonly precopy: boolean;
  readonly p2p: boolean;
  readonly state: string;
  readonly initial: string;
  readonly dirty_rate: string;
}

const migration = (defaults: MigrationDefaults) =>
  field(
    z
      .strictObject({
        supported: field(z.boolean().prefault(true), {
          title: 'can migrate',
          description: 'Whether its driver has VFIO migration (STOP_COPY); without it QEMU refuses to migrate.',
          source: 'hw/vfio/migration.c',
        }),
        precopy: field(z.boolean().prefault(defaults.precopy), {
          title: 'pre-copy',
          description: 'Whether device state can be read while the device runs (VFIO_MIGRATION_PRE_COPY).',
          source: 'include/uapi/linux/vfio.h',
        }),
        p2p: field(z.boolean().prefault(defaults.p2p), {
          title: 'P2P',
          description: 'Whether it has RUNNING_P2P; QEMU wants it of every device when there is more than one.',
          source: 'hw/vfio/migration.c',
        }),
        state: field(size({ min: 0, max: 256 * GIB, example: '2MiB' }).prefault(defaults.state), {
          title: 'state',
          description:
            'Bytes read in STOP_COPY, while the guest is stopped, on top of what is left of the pre-copy data.',
          source: MODEL,
        }),
        initial: field(size({ min: 0, max: 256 * GIB, example: '64MiB' }).prefault(defaults.initial), {
          title: 'initial data',
          description: 'initial_bytes: data read in pre-copy, which should have arrived before the switchover.',
          source: 'VFIO_MIG_GET_PRECOPY_INFO',
        }),
        dirty_rate: field(byteRate({ min: 0, max: RATE_MAX, example: '1MiB/s' }).prefault(defaults.dirty_rate), {
          title: 'state dirtied',
          description:
            'How fast pre-copied data becomes stale again (dirty_bytes), at most as much as the initial data.',
          source: 'VFIO_MIG_GET_PRECOPY_INFO',
        }),
        read_rate: field(byteRate({ min: 1, max: RATE_MAX, example: '1GiB/s' }).prefault('1GiB/s'), {
          title: 'read rate',
          description: 'How fast the driver gives out device state.',
          source: MODEL,
        }),
        load_rate: field(byteRate({ min: 1, max: RATE_MAX, example: '1GiB/s' }).prefault('1GiB/s'), {
          title: 'load rate',
          description: 'How fast the destination’s device takes the state.',
          source: MODEL,
        }),
        stop_time: field(duration({ min: 0, max: 60 * NS_PER_SECOND, example: '1ms' }).prefault('1ms'), {
          title: 'time to stop',
          description: 'How long a change of state takes that quiesces DMA (P2P or STOP).',
          source: MODEL,
        }),
        resume_time: field(duration({ min: 0, max: 60 * NS_PER_SECOND, example: '1ms' }).prefault('1ms'), {
          title: 'time to resume',
          description: 'How long the destination’s device takes to run again once its state is loaded.',
          source: MODEL,
        }),
      })
      .prefault({}),
    { title: 'migration', description: 'What the device’s VFIO driver can do, and how much state it has.' },
  );

const common = {
  name: field(identifier(), {
    title: 'name',
    description: 'Name of the device, as series and messages show it.',
  }),
  duty: field(
    z
      .strictObject({
        on: field(duration({ min: 1000, max: MAX_NS, example: '100ms' }), {
          title: 'active for',
          description: 'How long the device does DMA.',
        }),
        off: field(duration({ min: 0, max: MAX_NS, example: '900ms' }), {
          title: 'quiet for',
          description: 'How long it is quiet after that.',
        }),
      })
      .optional(),
    { title: 'duty', description: 'Activity in turns. Without it the device is always active.' },
  ),
  latency: field(duration({ min: 0, max: NS_PER_SECOND, example: '1us' }).prefault('1us'), {
    title: 'latency',
    description: 'From a DMA’s translation to its completion: how long a write is in flight.',
    source: MODEL,
  }),
  late_writes: field(
    z
      .strictObject({
        share: field(share({ min: 0, max: 1, example: '1%' }).prefault('0%'), {
          title: 'share',
          description: 'Share of operations after whose end the device writes once more; a correct device has none.',
          source: 'a correct driver has stopped the DMA before it unmaps',
        }),
        window: field(duration({ min: 0, max: NS_PER_SECOND, example: '20us' }).prefault('20us'), {
          title: 'window',
          description: 'The late write comes within this time after the unmap began.',
          source: MODEL,
        }),
      })
      .prefault({}),
    { title: 'late writes', description: 'Writes of a misbehaving device that race with the unmap of their buffer.' },
  ),
  container: field(identifier().prefault('shared'), {
    title: 'container',
    description: 'Devices of one VFIO container share an IOMMU domain and the choice of tracker.',
    source: 'hw/vfio/container.c',
  }),
  iommu_dirty: field(z.boolean().prefault(true), {
    title: 'IOMMU can track',
    description: 'Whether the IOMMU in front of this device records dirty pages (IOMMU_HW_CAP_DIRTY_TRACKING).',
    source: 'drivers/iommu/iommufd/device.c',
  }),
  ats: field(
    toggle({
      entries: field(count(1, 65536).prefault(64), {
        title: 'entries',
        description: 'Entries of the device’s translation cache (ATC).',
        source: MODEL,
      }),
    }).prefault(false),
    { title: 'ATS', description: 'Whether the device caches translations itself and needs invalidations of its own.' },
  ),
  behind_viommu: field(z.boolean().prefault(true), {
    title: 'behind the vIOMMU',
    description: 'Whether the guest’s vIOMMU, if there is one, translates for this device.',
    source: 'the lab',
  }),
  page_tracking: field(z.enum(['auto', 'on', 'off']).prefault('auto'), {
    title: 'device page tracking',
    description: 'x-device-dirty-page-tracking: off keeps QEMU from using the device’s own DMA log.',
    source: 'hw/vfio/pci.c',
  }),
};

const dmaLogging = (byDefault: boolean) =>
  field(
    toggle({
      page_size: field(
        powerOfTwo(
          size({ min: PAGE_SIZE, max: GIB, example: '4KiB' }),
          'not a power of two (EINVAL)\nFor example: 4KiB',
        ).prefault('4KiB'),
        {
          title: 'page size',
          description: 'Granule of the device’s log.',
          source: 'VFIO_DEVICE_FEATURE_DMA_LOGGING_START',
        },
      ),
    }).prefault(byDefault),
    { title: 'DMA log', description: 'Whether the device records its own DMA writes (VFIO DMA logging).' },
  );

const NET: MigrationDefaults = { precopy: true, p2p: true, state: '2MiB', initial: '0', dirty_rate: '0' };

const nic = z.strictObject({
  type: z.literal('nic'),
  ...common,
  rate: rate('10Gbit/s'),
  burst: burst('64KiB'),
  pattern: pattern('ring'),
  ring: ring('16MiB'),
  buffers: field(z.enum(['pool', 'per-packet', 'hugepages']).prefault('pool'), {
    title: 'buffers',
    description: 'Mapped once by a page pool, mapped and unmapped per packet, or mapped once as hugepages (DPDK).',
    source: 'page_pool in the Linux network stack',
  }),
  packet: field(size({ min: 64, max: 65536, example: '1500B' }).prefault('1500B'), {
    title: 'packet',
    description: 'Bytes of a packet: with per-packet buffers, one map and one unmap for each.',
    source: 'Ethernet MTU',
  }),
  queue_depth: field(count(1, 65536).prefault(512), {
    title: 'queue depth',
    description: 'With per-packet buffers: how many are mapped and wait for packets.',
    source: 'receive descriptors, a common default of ethtool -g',
  }),
  transmit: field(byteRate({ min: 0, max: RATE_MAX, example: '10Gbit/s' }).prefault(0), {
    title: 'transmit rate',
    description: 'Bytes per second that the device reads: dirties nothing, but costs a map and an unmap per packet.',
    source: MODEL,
  }),
  dma_logging: dmaLogging(false),
  migration: migration(NET),
});

const nvme = z.strictObject({
  type: z.literal('nvme'),
  ...common,
  rate: rate('2GiB/s'),
  burst: burst('128KiB'),
  pattern: pattern('random'),
  ring: ring('256MiB'),
  buffers: field(z.enum(['per-io', 'pool']).prefault('per-io'), {
    title: 'buffers',
    description: 'Mapped and unmapped for each I/O, or mapped once.',
    source: 'drivers/nvme/host/pci.c maps per request',
  }),
  queue_depth: field(count(1, 65536).prefault(128), {
    title: 'queue depth',
    description: 'I/Os in flight: how many buffers are mapped at a time.',
    source: MODEL,
  }),
  dma_logging: dmaLogging(false),
  migration: migration({ precopy: false, p2p: true, state: '1MiB', initial: '0', dirty_rate: '0' }),
});

const rdma = z.strictObject({
  type: z.literal('rdma'),
  ...common,
  rate: rate('100Gbit/s'),
  burst: burst('64KiB'),
  pattern: pattern('random'),
  ring: ring('1GiB'),
  buffers: field(z.enum(['registered']).prefault('registered'), {
    title: 'buffers',
    description: 'Memory registrations: mapped once, written for as long as they live.',
    source: 'ibv_reg_mr()',
  }),
  registrations: field(count(1, 4096).prefault(1), {
    title: 'registrations',
    description: 'Into how many registrations the buffers are divided.',
    source: MODEL,
  }),
  dma_logging: dmaLogging(true),
  migration: migration({ precopy: true, p2p: true, state: '256MiB', initial: '128MiB', dirty_rate: '16MiB/s' }),
});

const gpu = z.strictObject({
  type: z.literal('gpu'),
  ...common,
  rate: rate('12GiB/s'),
  burst: burst('2MiB'),
  pattern: pattern('ring'),
  ring: ring('1GiB'),
  buffers: field(z.enum(['pool']).prefault('pool'), {
    title: 'buffers',
    description: 'Mapped once for the life of the application.',
    source: MODEL,
  }),
  dma_logging: dmaLogging(false),
  migration: migration({ precopy: true, p2p: true, state: '1GiB', initial: '512MiB', dirty_rate: '256MiB/s' }),
});

const accelerator = z.strictObject({
  type: z.literal('accelerator'),
  ...common,
  rate: rate('1GiB/s'),
  burst: burst('16KiB'),
  pattern: pattern('random'),
  ring: ring('64MiB'),
  buffers: field(z.enum(['pool', 'per-io']).prefault('pool'), {
    title: 'buffers',
    description: 'Mapped once, or mapped and unmapped for each request.',
    source: MODEL,
  }),
  queue_depth: field(count(1, 65536).prefault(64), {
    title: 'queue depth',
    description: 'Requests in flight.',
    source: MODEL,
  }),
  migration: migration({ precopy: false, p2p: true, state: '4MiB', initial: '0', dirty_rate: '0' }),
});

export const deviceSchema = z.discriminatedUnion('type', [nic, nvme, rdma, gpu, accelerator]);
