// The guest of an experiment: memory, vCPUs, and what its vCPUs write.

import * as z from 'zod';
import { GIB, KIB, MIB, NS_PER_MS, PAGE_SIZE } from '../core/units.ts';
import { count, field, identifier } from './field.ts';
import { MAX_GUEST_BYTES, MAX_NS } from './limits.ts';
import { duration, pageRate, pages, share, size } from './quantity.ts';

const FIELD = 'the lab';

export const regionShape = {
  offset: field(size({ multiple: PAGE_SIZE, max: MAX_GUEST_BYTES, example: '2MiB' }).prefault('2MiB'), {
    title: 'first byte',
    description: 'Where the region begins in guest RAM, counted without the hole below 4 GiB.',
    source: 'the first 2 MiB hold firmware, boot code and page tables of a pc guest',
  }),
  size: field(size({ min: PAGE_SIZE, multiple: PAGE_SIZE, max: MAX_GUEST_BYTES, example: '4GiB' }).optional(), {
    title: 'size',
    description: 'Length of the region. Without it, the region reaches to the end of the filled memory.',
  }),
};
const region = field(z.strictObject(regionShape).prefault({}), {
  title: 'working set',
  description: 'The part of guest RAM that is written.',
});

const rate = field(pageRate({ min: 0, max: 1e9, example: '20000 pages/s' }), {
  title: 'write rate',
  description: 'Page writes per second of the whole group when nothing slows it, or `full` for no pacing.',
});

const common = {
  region,
  rate,
  changed: field(size({ min: 1, max: PAGE_SIZE, example: '8B' }).prefault('8B'), {
    title: 'bytes changed',
    description: 'Bytes of the page that one write changes: what XBZRLE has to encode.',
    source: 'two 4-byte stores per page write, as in the measured guests',
  }),
};

const hot = field(
  z.strictObject({
    size: field(size({ min: PAGE_SIZE, multiple: PAGE_SIZE, max: MAX_GUEST_BYTES, example: '512MiB' }), {
      title: 'hot part',
      description: 'Size of the hot part, at the beginning of the region.',
    }),
    share: field(share({ min: 0, max: 1, example: '90%' }).prefault('90%'), {
      title: 'share of writes',
      description: 'Share of the writes that go to the hot part; the rest is uniform over the remainder.',
      source: 'hotcold pattern of the measured migrations',
    }),
  }),
  { title: 'hot part', description: 'The part of the region that takes most writes.' },
);
const skew = field(z.number().min(0).max(5).prefault(0.99), {
  title: 'skew',
  description: 'Exponent of the zipf law: 0 is uniform, larger is more skewed.',
  source: 'YCSB default 0.99',
});
const window = field(
  z.strictObject({
    size: field(size({ min: PAGE_SIZE, multiple: PAGE_SIZE, max: MAX_GUEST_BYTES, example: '64MiB' }), {
      title: 'window',
      description: 'Writes are uniform inside a window of this size.',
    }),
    every: field(duration({ min: NS_PER_MS, max: MAX_NS, example: '500ms' }).prefault('500ms'), {
      title: 'jump every',
      description: 'The window jumps ahead by its own length this often, wrapping inside the region.',
      source: 'window pattern of the measured migrations',
    }),
  }),
  { title: 'moving window', description: 'A window of uniform writes that moves through the region.' },
);
const burst = field(
  z
    .strictObject({
      on: field(duration({ min: NS_PER_MS, max: MAX_NS, example: '1s' }).prefault('1s'), {
        title: 'writing for',
        description: 'Length of a burst of uniform writes.',
        source: FIELD,
      }),
      off: field(duration({ min: NS_PER_MS, max: MAX_NS, example: '1s' }).prefault('1s'), {
        title: 'silent for',
        description: 'Length of the silence after it.',
        source: FIELD,
      }),
    })
    .prefault({}),
  { title: 'burst', description: 'Uniform writes in bursts.' },
);

/** The patterns that a phase can have too. */
const simple = {
  idle: { pattern: z.literal('idle') },
  sequential: { pattern: z.literal('sequential'), ...common },
  uniform: { pattern: z.literal('uniform'), ...common },
  hotcold: { pattern: z.literal('hotcold'), ...common, hot },
  zipf: { pattern: z.literal('zipf'), ...common, skew },
  window: { pattern: z.literal('window'), ...common, window },
  burst: { pattern: z.literal('burst'), ...common, burst },
};

const phaseLength = {
  for: field(duration({ min: 0, max: MAX_NS, example: '2s' }), {
    title: 'for',
    description: 'How long the phase lasts in simulated time.',
  }),
};
const phase = z.discriminatedUnion('pattern', [
  z.strictObject({ ...phaseLength, ...simple.idle }),
  z.strictObject({ ...phaseLength, ...simple.sequential }),
  z.strictObject({ ...phaseLength, ...simple.uniform }),
  z.strictObject({ ...phaseLength, ...simple.hotcold }),
  z.strictObject({ ...phaseLength, ...simple.zipf }),
  z.strictObject({ ...phaseLength, ...simple.window }),
  z.strictObject({ ...phaseLength, ...simple.burst }),
]);

const group = {
  name: field(identifier(), {
    title: 'name',
    description: 'Name of the vCPU group, as series and messages show it.',
  }),
  vcpus: field(count(1, 1024).prefault(1), {
    title: 'vCPUs',
    description: 'How many of the guest’s vCPUs belong to the group; the rate is shared among them.',
    source: FIELD,
  }),
  reads: field(
    z
      .strictObject({
        rate: field(pageRate({ min: 0, max: 4_000_000, example: '50000 pages/s' }), {
          title: 'read rate',
          description: 'Page reads per second of the whole group, uniform over the range.',
        }),
        offset: regionShape.offset,
        size: field(size({ min: PAGE_SIZE, multiple: PAGE_SIZE, max: MAX_GUEST_BYTES, example: '1GiB' }), {
          title: 'size',
          description: 'Length of the range.',
        }),
      })
      .optional(),
    {
      title: 'reads',
      description:
        'What the group reads. Only after the move of a post-copy does it matter: a missing page is waited for.',
    },
  ),
  catch_up: field(duration({ min: 0, max: 10_000 * NS_PER_MS, example: '20ms' }).prefault('20ms'), {
    title: 'catch up',
    description: 'Writes that could not be made while the vCPU was stopped are made up for at most this long.',
    source: 'the measured guests use 2 ms to 20 ms',
  }),
};
const phases = field(z.array(phase).min(1, { error: 'a phased workload needs at least one phase' }).max(1000), {
  title: 'phases',
  description: 'Patterns one after another, from the first again after the last.',
});

const workload = z.discriminatedUnion('pattern', [
  z.strictObject({ ...group, ...simple.idle }),
  z.strictObject({ ...group, ...simple.sequential }),
  z.strictObject({ ...group, ...simple.uniform }),
  z.strictObject({ ...group, ...simple.hotcold }),
  z.strictObject({ ...group, ...simple.zipf }),
  z.strictObject({ ...group, ...simple.window }),
  z.strictObject({ ...group, ...simple.burst }),
  z.strictObject({ ...group, pattern: z.literal('phases'), phases }),
]);

const dimm = z.strictObject({
  name: field(identifier(), { title: 'name', description: 'Name of the memory module in `changes`.' }),
  size: field(size({ min: 2 * MIB, multiple: 2 * MIB, max: MAX_GUEST_BYTES, example: '4GiB' }), {
    title: 'size',
    description: 'Size of the module; its RAM follows the guest’s memory and the modules before it.',
  }),
});

const special = z.strictObject({
  offset: regionShape.offset,
  size: field(size({ min: PAGE_SIZE, multiple: PAGE_SIZE, max: MAX_GUEST_BYTES, example: '256KiB' }), {
    title: 'size',
    description: 'Length of the range.',
  }),
  as: field(z.enum(['rom', 'mmio', 'separate']), {
    title: 'as',
    description: 'What the guest sees there at first: read-only memory, no memory, or RAM in a region of its own.',
  }),
});

export const guestSchema = z.strictObject({
  memory: field(size({ min: 4 * MIB, max: MAX_GUEST_BYTES, multiple: PAGE_SIZE, example: '16GiB' }), {
    title: 'memory',
    description: 'Guest RAM.',
  }),
  populated: field(share({ min: 0, max: 1, example: '60%' }).optional(), {
    title: 'populated',
    description: 'Share of RAM that is not zero, lowest addresses first from 2 MiB. Default 60 %; or give `filled`.',
    source: 'the lab; zero pages cost 9 bytes on the wire (migration/ram.c)',
  }),
  filled: field(pages({ min: 0, max: MAX_GUEST_BYTES, multiple: PAGE_SIZE, example: '130560 pages' }).optional(), {
    title: 'filled',
    description: 'The same as an exact amount: pages or bytes that are not zero, from 2 MiB.',
  }),
  backing: field(size({ min: 4 * KIB, max: GIB, example: '2MiB' }).prefault('4KiB'), {
    title: 'host pages',
    description:
      'Size of the host pages behind RAM (4KiB, 2MiB or 1GiB): contiguity for the IOMMU, granule of sending.',
    source: 'QEMU sends the rest of a host page as a group (migration/ram.c)',
  }),
  machine: field(z.enum(['pc', 'q35', 'virt']).prefault('pc'), {
    title: 'machine',
    description: 'Layout of guest-physical memory: where the hole below 4 GiB lies.',
    source: 'QEMU hw/i386/pc_piix.c, pc_q35.c, hw/arm/virt.c',
  }),
  vcpus: field(count(1, 1024).prefault(1), {
    title: 'vCPUs',
    description: 'Number of vCPUs; those that belong to no workload are idle.',
    source: FIELD,
  }),
  workloads: field(z.array(workload).max(64).prefault([]), {
    title: 'workloads',
    description: 'Groups of vCPUs and what they write.',
    source: FIELD,
  }),
  dimms: field(z.array(dimm).max(64).prefault([]), {
    title: 'memory modules',
    description:
      'Memory that can be plugged and unplugged. A module is present from the start unless a change plugs it.',
    source: FIELD,
  }),
  regions: field(z.array(special).max(256).prefault([]), {
    title: 'special regions',
    description:
      'Ranges of RAM that are not plain memory at first; changes may turn them, as firmware does with aliases.',
    source: FIELD,
  }),
});
