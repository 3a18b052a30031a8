// The migration of an experiment: QEMU's parameters and capabilities under the lab's names, with QEMU's defaults.
//
// Source of names, defaults and ranges: migration/options.c, migration/migration.h, qapi/migration.json (QEMU 9.2 to
// 11.0). A capability that is off by default is a switch; its parameters stand inside it.

import * as z from 'zod';
import { KIB, MIB, NS_PER_MS, NS_PER_SECOND, TIB } from '../core/units.ts';
import { count, field, powerOfTwo, toggle } from './field.ts';
import { MAX_NS } from './limits.ts';
import { byteRate, duration, percent, size } from './quantity.ts';

const OPTIONS = 'migration/options.c';
const RATE_MAX = 2 * TIB;

const autoConverge = toggle({
  initial: field(percent({ min: 1, max: 99, example: '20%' }).prefault('20%'), {
    title: 'first step',
    description: 'cpu-throttle-initial: the first throttling of all vCPUs.',
    source: OPTIONS,
  }),
  increment: field(percent({ min: 1, max: 99, example: '10%' }).prefault('10%'), {
    title: 'step',
    description: 'cpu-throttle-increment: how much each further step adds.',
    source: OPTIONS,
  }),
  max: field(percent({ min: 1, max: 99, example: '99%' }).prefault('99%'), {
    title: 'most',
    description: 'max-cpu-throttle: the strongest throttling.',
    source: OPTIONS,
  }),
  threshold: field(percent({ min: 1, max: 100, example: '50%' }).prefault('50%'), {
    title: 'trigger',
    description: 'throttle-trigger-threshold: dirtied over sent bytes of a period; above it, throttling steps up.',
    source: OPTIONS,
  }),
  tailslow: field(z.boolean().prefault(false), {
    title: 'tail slow',
    description: 'cpu-throttle-tailslow: small steps near the end.',
    source: OPTIONS,
  }),
});

const dirtyLimit = toggle({
  vcpu_limit: field(byteRate({ min: MIB, max: RATE_MAX, example: '1MiB/s' }).prefault('1MiB/s'), {
    title: 'quota',
    description: 'vcpu-dirty-limit: how fast each vCPU may dirty memory.',
    source: OPTIONS,
  }),
  period: field(duration({ min: NS_PER_MS, max: NS_PER_SECOND, multiple: NS_PER_MS, example: '1s' }).prefault('1s'), {
    title: 'period',
    description: 'x-vcpu-dirty-limit-period: how often rate and quota are compared.',
    source: OPTIONS,
  }),
});

const multifd = toggle({
  channels: field(count(1, 255).prefault(2), {
    title: 'channels',
    description: 'multifd-channels: how many connections carry pages.',
    source: OPTIONS,
  }),
  zero_copy: field(z.boolean().prefault(false), {
    title: 'zero copy',
    description: 'zero-copy-send: pages are sent by reference.',
    source: OPTIONS,
  }),
  flush_each_section: field(z.boolean().prefault(false), {
    title: 'flush after each section',
    description: 'multifd-flush-after-each-section: the old synchronisation, every 50 ms at most.',
    source: 'migration/ram.c',
  }),
  device_state: field(z.enum(['auto', 'on', 'off']).prefault('auto'), {
    title: 'device state',
    description: 'x-migration-multifd-transfer: whether device state uses the channels (10.0).',
    source: 'hw/vfio/pci.c',
  }),
});

const xbzrle = toggle({
  cache: field(
    powerOfTwo(
      size({ min: 4 * KIB, max: TIB, example: '64MiB' }),
      "QEMU refuses: Parameter 'xbzrle_cache_size' expects a power of two no less than the target page size",
    ).prefault('64MiB'),
    {
      title: 'cache',
      description: 'xbzrle-cache-size, a power of two.',
      source: OPTIONS,
    },
  ),
});

const postcopy = toggle({
  after: field(duration({ min: 0, max: MAX_NS, example: '5s' }).prefault('5s'), {
    title: 'after',
    description: 'How long after the start of the migration migrate-start-postcopy is given.',
    source: 'the lab; QEMU leaves it to the user',
  }),
  bandwidth: field(byteRate({ min: 0, max: RATE_MAX, example: '1GiB/s' }).prefault(0), {
    title: 'bandwidth',
    description: 'max-postcopy-bandwidth of background pages; 0 is unlimited.',
    source: OPTIONS,
  }),
  preempt: field(z.boolean().prefault(false), {
    title: 'preempt',
    description: 'postcopy-preempt: urgent pages have a channel of their own.',
    source: OPTIONS,
  }),
});

const mappedRam = toggle({
  write_rate: field(byteRate({ min: 1, max: RATE_MAX, example: '2GiB/s' }).prefault('2GiB/s'), {
    title: 'write rate',
    description: 'How fast the file takes data.',
    source: 'the lab',
  }),
});

const pause = toggle({
  hold: field(duration({ min: 0, max: 600 * NS_PER_SECOND, example: '50ms' }).prefault('0ms'), {
    title: 'hold',
    description: 'How long the management waits before migrate-continue; it counts into the downtime.',
    source: 'the lab; QEMU waits for the command',
  }),
});

export const migrationSchema = z.strictObject({
  start: field(duration({ min: 0, max: MAX_NS, example: '2s' }).prefault('2s'), {
    title: 'start',
    description: 'When the migration begins; the guest runs from 0.',
    source: 'the lab: long enough for caches and rings to be in use',
  }),
  qemu: field(z.enum(['7.2', '8.2', '9.0', '9.2', '10.0', '10.2', '11.0']).prefault('11.0'), {
    title: 'QEMU version',
    description: 'Whose decisions: 9.2 added a sync every 5 s while throttling, 11.0 a vIOMMU with VFIO devices.',
    source: 'release notes',
  }),
  bandwidth: field(byteRate({ min: 0, max: RATE_MAX, example: '128MiB/s' }).prefault('128MiB/s'), {
    title: 'bandwidth',
    description: 'max-bandwidth: the limit of sending while the guest runs; 0 is unlimited.',
    source: OPTIONS,
  }),
  link: field(byteRate({ min: 1000, max: RATE_MAX, example: '25Gbit/s' }).prefault('10Gbit/s'), {
    title: 'link',
    description: 'What the network carries at most.',
    source: 'the lab',
  }),
  latency: field(duration({ min: 0, max: 10 * NS_PER_SECOND, example: '100us' }).prefault('100us'), {
    title: 'round trip',
    description: 'Round-trip time to the destination.',
    source: 'the lab: one data centre',
  }),
  downtime_limit: field(
    duration({ min: 0, max: 2000 * NS_PER_SECOND, multiple: NS_PER_MS, example: '300ms' }).prefault('300ms'),
    {
      title: 'downtime limit',
      description: 'downtime-limit: the guest is stopped when what is left can be sent within this time.',
      source: OPTIONS,
    },
  ),
  switchover_bandwidth: field(byteRate({ min: 0, max: RATE_MAX, example: '3GB/s' }).prefault(0), {
    title: 'switchover bandwidth',
    description: 'avail-switchover-bandwidth: used for the threshold instead of the measured one; 0 is measured.',
    source: OPTIONS,
  }),
  timeout: field(duration({ min: 0, max: MAX_NS, example: '60s' }).prefault('60s'), {
    title: 'timeout',
    description: 'The migration is cancelled this long after its start; 0 is never.',
    source: 'the lab; management software sets one',
  }),
  zero_pages: field(z.enum(['none', 'legacy', 'multifd']).prefault('multifd'), {
    title: 'zero page detection',
    description: 'zero-page-detection: nobody, the migration thread, or the channels (as legacy without multifd).',
    source: 'migration/options.c, 9.0',
  }),
  auto_converge: field(autoConverge.prefault(false), {
    title: 'auto-converge',
    description: 'Throttles all vCPUs while memory is dirtied faster than it is sent. It cannot throttle DMA.',
    source: OPTIONS,
  }),
  dirty_limit: field(dirtyLimit.prefault(false), {
    title: 'dirty limit',
    description: 'Throttles each vCPU that writes, by its quota; needs the dirty ring.',
    source: OPTIONS,
  }),
  multifd: field(multifd.prefault(false), {
    title: 'multifd',
    description: 'Pages travel over several connections.',
    source: OPTIONS,
  }),
  xbzrle: field(xbzrle.prefault(false), {
    title: 'XBZRLE',
    description: 'Pages sent again are encoded as differences.',
    source: OPTIONS,
  }),
  postcopy: field(postcopy.prefault(false), {
    title: 'post-copy',
    description: 'postcopy-ram: the guest moves first and fetches pages as it needs them. Refused with VFIO devices.',
    source: OPTIONS,
  }),
  mapped_ram: field(mappedRam.prefault(false), {
    title: 'mapped-ram',
    description: 'Each page has a fixed place in a file; a page dirtied again overwrites it.',
    source: 'migration/ram.c',
  }),
  pause_before_switchover: field(pause.prefault(false), {
    title: 'pause before switchover',
    description: 'Waits in pre-switchover until the management says go on.',
    source: OPTIONS,
  }),
  switchover_ack: field(z.boolean().prefault(false), {
    title: 'switchover ack',
    description: 'The destination must have loaded initial device data before the guest is stopped.',
    source: OPTIONS,
  }),
  return_path: field(z.boolean().prefault(false), {
    title: 'return path',
    description: 'The downtime includes waiting until the destination has read everything.',
    source: OPTIONS,
  }),
});
