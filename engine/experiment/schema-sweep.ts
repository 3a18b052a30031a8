// The `sweep` section that turns an experiment file into a plan of many runs, and its JSON Schema.
//
// Theory of the rest: sweep-fields.ts (which field a path means), sweep-values.ts (what a list or range stands for),
// sweep.ts (from a text to a plan).

import * as z from 'zod';
import { count, field } from './field.ts';
import { experimentJsonSchema } from './jsonschema.ts';
import type { JsonSchema } from './jsonschema.ts';
import { MAX_SWEEP_POINTS, MAX_SWEEP_VALUES } from './limits.ts';
import { describe } from './quantity.ts';

const THE_LAB = 'the lab';

const end = (title: string, description: string): z.ZodUnion<readonly [z.ZodString, z.ZodNumber]> =>
  field(
    z.union([z.string(), z.number()], {
      error: (issue) =>
        issue.input === undefined
          ? 'missing: expected a value with its unit, as the field itself wants it'
          : `found ${describe(issue.input)}, expected a value with its unit, as the field itself wants it`,
    }),
    { title, description },
  );

const rangeSchema = z.strictObject({
  from: end('from', 'The first value, written as in the field itself.'),
  to: end('to', 'The last value; it may be the smaller one.'),
  steps: field(count(2, MAX_SWEEP_VALUES).optional(), {
    title: 'steps',
    description:
      'How many values, both ends counted. A grid needs it; a Latin hypercube draws from the whole range without.',
  }),
  scale: field(z.enum(['linear', 'log']).prefault('linear'), {
    title: 'scale',
    description: 'Equal differences, or equal ratios between neighbours.',
    source: THE_LAB,
  }),
});
export type SweepRange = z.output<typeof rangeSchema>;

const listSchema = z.array(z.unknown()).min(1).max(MAX_SWEEP_VALUES);

export const sweepSchema = z.strictObject({
  method: field(z.enum(['grid', 'latin-hypercube']).prefault('grid'), {
    title: 'method',
    description:
      'Every combination of the values, or `points` combinations in which each field’s range is covered evenly.',
    source: THE_LAB,
  }),
  fields: field(
    z
      .record(
        z.string(),
        z.union([listSchema, rangeSchema], {
          error: (issue) =>
            `found ${describe(issue.input)}, expected a list of values or a range\n` +
            'For example: [1GiB, 4GiB], or {from: 1GiB, to: 64GiB, steps: 7, scale: log}',
        }),
      )
      .prefault({}),
    {
      title: 'fields',
      description:
        'What is varied: the path of a field, such as migration.bandwidth or devices[nic0].rate, and its values.',
    },
  ),
  points: field(count(1, MAX_SWEEP_POINTS).optional(), {
    title: 'points',
    description: 'How many combinations a Latin hypercube takes.',
  }),
  seeds: field(
    z
      .union([count(1, MAX_SWEEP_VALUES), z.array(count(0, 4_294_967_295)).min(1).max(MAX_SWEEP_VALUES)], {
        error: (issue) => `found ${describe(issue.input)}, expected how many seeds, or a list of them`,
      })
      .optional(),
    {
      title: 'seeds',
      description:
        'Each combination runs with each of these seeds: a list, or how many from the experiment’s own seed on.',
      source: THE_LAB,
    },
  ),
  seed: field(count(0, 4_294_967_295).prefault(1), {
    title: 'seed of the plan',
    description: 'Which Latin hypercube it is; the runs have seeds of their own.',
    source: THE_LAB,
  }),
});
export type SweepSection = z.output<typeof sweepSchema>;

/** A sweep file: an experiment file with a `sweep` section. A fresh object at each call. */
export function sweepJsonSchema(): JsonSchema {
  const section = z.toJSONSchema(sweepSchema, { io: 'input', reused: 'inline' });
  delete section.$schema;
  const experiment = experimentJsonSchema();
  return {
    ...experiment,
    $id: 'https://brownout.dev/schema/sweep-1.json',
    title: 'Brownout sweep',
    description: 'An experiment with some of its fields varied: one run for each combination of values and seed.',
    properties: {
      ...experiment.properties,
      sweep: { title: 'sweep', description: 'Which fields are varied, and how.', ...section },
    },
    required: [...(experiment.required ?? []), 'sweep'],
  };
}
