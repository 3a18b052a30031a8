// The timeline of an experiment: what happens to guest, devices, memory map, link and destination while it runs.
//
// A change happens `at` a simulated time, or `on` an event of the migration with a `delay`. Kinds stand under `do`.

import * as z from 'zod';
import { NS_PER_MS, PAGE_SIZE, TIB } from '../core/units.ts';
import { count, field, identifier } from './field.ts';
import { MAX_GUEST_BYTES, MAX_NS } from './limits.ts';
import { byteRate, duration, size } from './quantity.ts';

const MOMENTS = /^(setup|precopy|switchover|stop|resume|end|round [1-9]\d{0,5}|event [1-9]\d{0,8})$/;

const when = {
  at: field(duration({ min: 0, max: MAX_NS, example: '3s' }).optional(), {
    title: 'at',
    description: 'Simulated time of the change, from the beginning of the run.',
  }),
  on: field(
    z
      .string()
      .regex(MOMENTS, {
        error:
          'expected a moment of the migration: setup, precopy, switchover, stop, resume, end, round N or event N\nFor example: round 2',
      })
      .optional(),
    { title: 'on', description: 'The moment of the migration at which the change happens, instead of a time.' },
  ),
  delay: field(duration({ min: 0, max: MAX_NS, example: '10ms' }).prefault('0ms'), {
    title: 'delay',
    description: 'How long after that moment.',
    source: 'the lab',
  }),
};
const repeat = {
  every: field(duration({ min: 1000, max: MAX_NS, example: '10ms' }).optional(), {
    title: 'every',
    description: 'Repeats the change at this interval.',
  }),
  times: field(count(1, 10_000_000).prefault(1), {
    title: 'times',
    description: 'How often it happens in all; more than once needs `every`.',
    source: 'the lab',
  }),
};
const deviceName = field(identifier(), { title: 'device', description: 'Name of the device concerned.' });
const offset = field(size({ multiple: PAGE_SIZE, max: MAX_GUEST_BYTES, example: '1GiB' }), {
  title: 'first byte',
  description: 'Where the range begins in guest RAM.',
});
const length = field(size({ min: PAGE_SIZE, multiple: PAGE_SIZE, max: MAX_GUEST_BYTES, example: '2MiB' }), {
  title: 'size',
  description: 'Length of the range.',
});

const change = <Kind extends string, Shape extends z.core.$ZodLooseShape>(
  kind: Kind,
  shape: Shape,
): z.ZodObject<{ do: z.ZodLiteral<Kind> } & typeof when & Shape, z.core.$strict> =>
  z.strictObject({ do: z.literal(kind), ...when, ...shape });

export const changeSchema = z.discriminatedUnion('do', [
  change('unmap', { device: deviceName, offset, size: length, ...repeat }),
  change('map', { device: deviceName, offset, size: length, ...repeat }),
  change('unmap-all', { device: deviceName }),
  change('driver', {
    device: deviceName,
    to: field(z.enum(['passthrough', 'strict', 'lazy', 'pooled']), {
      title: 'to',
      description: 'What the guest’s IOMMU driver does for this device from then on.',
    }),
  }),
  change('plug-device', { device: deviceName }),
  change('unplug-device', { device: deviceName }),
  change('plug-memory', {
    dimm: field(identifier(), { title: 'module', description: 'Name of the memory module.' }),
  }),
  change('unplug-memory', {
    dimm: field(identifier(), { title: 'module', description: 'Name of the memory module.' }),
  }),
  change('region', {
    offset,
    size: length,
    to: field(z.enum(['ram', 'rom', 'mmio', 'separate']), {
      title: 'to',
      description: 'What the guest sees there from then on; `ram` lets it merge with its neighbours.',
    }),
    ...repeat,
  }),
  change('device-rate', {
    device: deviceName,
    rate: field(byteRate({ min: 0, max: 2 * TIB, example: '1Gbit/s' }), {
      title: 'rate',
      description: 'Bytes per second that the device writes from then on.',
    }),
  }),
  change('set', {
    bandwidth: field(byteRate({ min: 0, max: 2 * TIB, example: '1GiB/s' }).optional(), {
      title: 'bandwidth',
      description: 'max-bandwidth from then on (migrate-set-parameters).',
    }),
    downtime_limit: field(
      duration({ min: 0, max: 2_000_000 * NS_PER_MS, multiple: NS_PER_MS, example: '1s' }).optional(),
      {
        title: 'downtime limit',
        description: 'downtime-limit from then on.',
      },
    ),
  }),
  change('cancel', {}),
  change('fail-destination', {}),
  change('lose-link', {
    for: field(duration({ min: 0, max: MAX_NS, example: '2s' }).optional(), {
      title: 'for',
      description: 'How long the link is down. Without it, for good.',
    }),
  }),
  change('start-postcopy', {}),
  change('migrate', {}),
]);
