// What frames an experiment: its name and question, the backend, host constants, sampling, limits, expectations.

import * as z from 'zod';
import { MIB, NS_PER_MS, NS_PER_SECOND } from '../core/units.ts';
import { COSTS, COST_NAMES } from '../core/costs.ts';
import type { CostName } from '../core/costs.ts';
import { METRICS, METRIC_NAMES, readExpectation } from './expect.ts';
import type { Expectation, MetricName } from './expect.ts';
import { count, field, line, prose } from './field.ts';
import { HOST_NAMES } from './hosts.ts';
import { MAX_SIMULATED_NS } from './limits.ts';
import { costValue, describe, duration, size } from './quantity.ts';

const THE_LAB = 'the lab';

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const cost = (name: CostName): z.ZodOptional<z.ZodType<number, string | number>> => {
  const { what, source, value, unit } = COSTS[name];
  const documented = field(costValue(COSTS[name]).optional(), {
    title: name,
    description: `${sentence(what)}.`,
    source,
  });
  return documented.meta({ ...documented.meta(), 'x-default': `${value} ${unit}` });
};
export const costsSchema = z.strictObject(
  Object.fromEntries(COST_NAMES.map((name) => [name, cost(name)])) as Record<
    CostName,
    z.ZodOptional<z.ZodType<number, string | number>>
  >,
);

const expectation = (name: MetricName): z.ZodOptional<z.ZodType<Expectation, string | number>> =>
  field(
    z
      .union([z.string(), z.number()], {
        error: (issue) => `found ${describe(issue.input)}, expected a condition such as ${METRICS[name].example}`,
      })
      .transform((value, context) => {
        const read = readExpectation(name, value);
        if (!('problem' in read)) return read;
        context.issues.push({ code: 'custom', message: read.problem, input: value });
        return z.NEVER;
      })
      .optional(),
    { title: METRICS[name].title, description: METRICS[name].description },
  );
export const expectSchema = z.strictObject(
  Object.fromEntries(METRIC_NAMES.map((name) => [name, expectation(name)])) as Record<
    MetricName,
    z.ZodOptional<z.ZodType<Expectation, string | number>>
  >,
);

export const qemuSchema = z.strictObject({
  accelerator: field(z.enum(['auto', 'kvm', 'tcg']).prefault('auto'), {
    title: 'accelerator',
    description: 'KVM where it works, else TCG; or one of them for certain.',
    source: THE_LAB,
  }),
  transport: field(z.enum(['tcp', 'unix']).prefault('tcp'), {
    title: 'transport',
    description: 'Loopback TCP or a Unix socket between source and destination.',
    source: THE_LAB,
  }),
  sample: field(duration({ min: 10 * NS_PER_MS, max: NS_PER_SECOND, example: '50ms' }).prefault('50ms'), {
    title: 'sample',
    description: 'How often query-migrate is asked.',
    source: 'the measured migrations',
  }),
  memory_limit: field(size({ min: 128 * MIB, max: 1024 * 1024 * MIB, example: '4GiB' }).prefault('4GiB'), {
    title: 'memory limit',
    description: 'Source and destination together may not take more memory of this machine.',
    source: THE_LAB,
  }),
  flush_tlb: field(z.boolean().prefault(true), {
    title: 'flush the TLB',
    description: 'The guest makes TCG drop its software TLB each ms. Without it QEMU 7.2 loses pages: see `compare`.',
    source: 'measured: 1 to 41 pages differ after 5 to 9 dirty syncs without it, none with it',
  }),
  compare: field(z.boolean().prefault(false), {
    title: 'compare memories',
    description: 'Holds the destination after the switchover and compares both memories: pages lost, by measurement.',
    source: 'the guest resumes later for it, so the blackout it sees is longer; the reported downtime is not',
  }),
});

export const labShape = {
  version: field(z.literal(1).prefault(1), {
    title: 'format',
    description: 'Version of the experiment file’s format.',
    source: THE_LAB,
  }),
  name: field(line(200), { title: 'name', description: 'What the experiment is called in lists and reports.' }),
  question: field(line(1000).optional(), {
    title: 'question',
    description: 'What one learns from it, in a sentence.',
  }),
  notes: field(prose(20_000).optional(), { title: 'notes', description: 'Anything worth keeping with it.' }),
  tags: field(z.array(line(40)).max(20).prefault([]), {
    title: 'tags',
    description: 'Words to find it by.',
    source: THE_LAB,
  }),
  seed: field(count(0, 4_294_967_295).prefault(1), {
    title: 'seed',
    description: 'All chance comes from it: same file and seed, same result.',
    source: THE_LAB,
  }),
  backend: field(z.enum(['sim', 'qemu']).prefault('sim'), {
    title: 'backend',
    description: 'The simulation engine, or two real QEMU processes on this machine.',
    source: THE_LAB,
  }),
  qemu: field(qemuSchema.prefault({}), { title: 'QEMU backend', description: 'Settings of `backend: qemu`.' }),
  host: field(z.enum(HOST_NAMES).prefault('default'), {
    title: 'host profile',
    description: 'Named set of constants of a real host.',
    source: THE_LAB,
  }),
  costs: field(costsSchema.prefault({}), {
    title: 'costs',
    description: 'Overrides of the cost table: what each step costs in simulated time.',
  }),
  sampling: field(duration({ min: 10_000, max: 3600 * NS_PER_SECOND, example: '10ms' }).prefault('10ms'), {
    title: 'sampling',
    description: 'Interval of all series.',
    source: THE_LAB,
  }),
  limits: field(
    z
      .strictObject({
        simulated: field(duration({ min: NS_PER_MS, max: MAX_SIMULATED_NS, example: '10min' }).prefault('10min'), {
          title: 'simulated time',
          description: 'The run ends at the latest then.',
          source: THE_LAB,
        }),
      })
      .prefault({}),
    { title: 'limits', description: 'Where a run ends at the latest.' },
  ),
  expect: field(expectSchema.prefault({}), {
    title: 'expect',
    description: 'What must hold for the result; `brownout run` exits 1 when it does not.',
  }),
};
