// Nothing in the file may silently do nothing: every field of the schema is read by the simulation of some experiment
// here, or is not meant for the simulation.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COST_NAMES } from '../../../engine/core/costs.ts';
import { experimentJsonSchema } from '../../../engine/experiment/jsonschema.ts';
import type { JsonSchema } from '../../../engine/experiment/jsonschema.ts';
import { validateExperiment } from '../../../engine/experiment/parse.ts';
import type { RunSink } from '../../../engine/experiment/result.ts';
import type { Experiment } from '../../../engine/experiment/schema.ts';
import { createSimulation } from '../../../engine/experiment/simulate.ts';

/** Not for the simulation: what people read, what other backends read, what validation alone judges. */
const NOT_SIMULATED = [
  ...['version', 'name', 'question', 'notes', 'tags', 'backend', 'qemu'],
  ...['guest.workloads[].name', 'expect'],
  // Resolved into guest.filled; vCPUs without a workload are idle, so their number is judged against the groups' alone.
  ...['guest.populated', 'guest.vcpus'],
  // Only what is overridden is there to be read: the next test.
  'costs',
];

/** The engine's sources, but for the cost table itself and the host profiles. */
const engine = new URL('../../../engine/', import.meta.url);
const SOURCES = readdirSync(engine, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !/(core\/costs|experiment\/hosts)\.ts$/.test(name))
  .map((name) => readFileSync(new URL(name, engine), 'utf8'));

/** Records every path that is read, `[]` for items. */
function watched<T extends object>(value: T, read: Set<string>, path = ''): T {
  return new Proxy(value, {
    get(target, key): unknown {
      const inner = Reflect.get(target, key) as unknown;
      if (typeof key === 'symbol' || (Array.isArray(target) && !/^\d+$/.test(key))) return inner;
      const here = Array.isArray(target) ? `${path}[]` : path === '' ? key : `${path}.${key}`;
      read.add(here);
      return typeof inner === 'object' && inner !== null ? watched(inner, read, here) : inner;
    },
  });
}

function* leaves(at: JsonSchema, path = ''): Generator<string> {
  const variants = [at, ...(at.anyOf ?? []), ...(at.oneOf ?? [])] as JsonSchema[];
  for (const variant of variants) {
    for (const [name, property] of Object.entries(variant.properties ?? {})) {
      const field = property as JsonSchema;
      const here = path === '' ? name : `${path}.${name}`;
      const inner = [...leaves(field, here)];
      if (inner.length === 0 && field.const === undefined) yield here;
      yield* inner;
    }
    if (variant.items !== undefined) yield* leaves(variant.items as JsonSchema, `${path}[]`);
  }
}

const silent: RunSink = {
  head: () => undefined,
  samples: () => undefined,
  event: () => undefined,
  finished: () => undefined,
};

function readBy(input: object): Set<string> {
  const result = validateExperiment(input);
  if (!result.ok)
    throw new Error(result.findings.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'));
  const read = new Set<string>();
  const simulation = createSimulation(watched<Experiment>(result.experiment, read), silent);
  for (let slice = 0; slice < 10_000 && !simulation.advance(10_000); slice++);
  return read;
}

const common = { sampling: '100ms', limits: { simulated: '10s' } };
const region = { size: '16MiB' };
const rate = '1000 pages/s';
const patterns = [
  { pattern: 'idle' },
  { pattern: 'sequential', region, rate },
  { pattern: 'uniform', region, rate },
  { pattern: 'hotcold', region, rate, hot: { size: '1MiB' } },
  { pattern: 'zipf', region, rate, skew: 0.9 },
  { pattern: 'window', region, rate, window: { size: '1MiB' } },
  { pattern: 'burst', region, rate, burst: {} },
];
const experiments: readonly object[] = [
  {
    name: 'every pattern',
    guest: {
      memory: '64MiB',
      vcpus: 8,
      workloads: [
        ...patterns.map((each, i) => ({ name: `w${i}`, ...each })),
        { name: 'phased', pattern: 'phases', phases: patterns.map((each) => ({ for: '100ms', ...each })) },
      ],
    },
    migration: { start: '100ms', timeout: '5s', auto_converge: true, multifd: true, pause_before_switchover: true },
    ...common,
  },
  {
    name: 'every device',
    guest: { memory: '64MiB' },
    devices: [
      { name: 'nic0', type: 'nic', duty: { on: '1ms', off: '1ms' } },
      { name: 'nvme0', type: 'nvme' },
      { name: 'mlx0', type: 'rdma' },
      { name: 'gpu0', type: 'gpu' },
      { name: 'qat0', type: 'accelerator' },
    ].map((device) => ({ ring: { size: '4MiB' }, burst: '4KiB', rate: '1MB/s', ...device })),
    migration: { start: '100ms', timeout: '2s' },
    ...common,
  },
  {
    name: 'a ring and a limit',
    guest: { memory: '64MiB', workloads: [{ name: 'w', pattern: 'uniform', region, rate }] },
    tracking: { vcpus: 'dirty-ring' },
    migration: { start: '100ms', timeout: '2s', dirty_limit: true },
    ...common,
  },
  ...[{ xbzrle: true }, { postcopy: { after: '0ms' } }, { mapped_ram: true }].map((capability) => ({
    name: 'a capability',
    guest: {
      memory: '64MiB',
      workloads: [
        { name: 'w', pattern: 'uniform', region, rate, reads: { rate, size: '8MiB' } },
        { name: 'p', pattern: 'phases', phases: [{ for: '100ms', pattern: 'uniform', region, rate }] },
      ],
      vcpus: 2,
    },
    migration: { start: '100ms', timeout: '2s', ...capability },
    ...common,
  })),
  {
    name: 'a memory map that changes',
    guest: {
      memory: '64MiB',
      dimms: [{ name: 'dimm0', size: '8MiB' }],
      regions: [{ offset: '32MiB', size: '1MiB', as: 'separate' }],
      workloads: [{ name: 'w', pattern: 'uniform', region, rate }],
    },
    devices: [{ name: 'nic0', type: 'nic', ring: { size: '4MiB' }, rate: '1MB/s' }],
    changes: [
      { do: 'plug-memory', at: '50ms', dimm: 'dimm0' },
      { do: 'region', at: '60ms', offset: '32MiB', size: '1MiB', to: 'rom', every: '5ms', times: 2 },
      { do: 'device-rate', at: '70ms', device: 'nic0', rate: '2MB/s' },
      { do: 'set', at: '80ms', bandwidth: '1GiB/s', downtime_limit: '1s' },
      { do: 'lose-link', on: 'precopy', delay: '1ms', for: '10ms' },
    ],
    migration: { start: '100ms', timeout: '2s' },
    ...common,
  },
  {
    name: 'a vIOMMU that changes',
    guest: { memory: '64MiB' },
    devices: [{ name: 'nic0', type: 'nic', ring: { offset: '32MiB', size: '4MiB' }, rate: '1MB/s' }],
    viommu: { mode: 'explicit', driver: 'pooled' },
    changes: [
      { do: 'unmap', at: '50ms', device: 'nic0', offset: '32MiB', size: '1MiB' },
      { do: 'map', at: '60ms', device: 'nic0', offset: '32MiB', size: '1MiB' },
      { do: 'unmap-all', at: '70ms', device: 'nic0' },
      { do: 'driver', at: '80ms', device: 'nic0', to: 'strict' },
    ],
    migration: { start: '100ms', timeout: '2s' },
    ...common,
  },
  {
    name: 'a vIOMMU',
    guest: { memory: '64MiB' },
    devices: [
      { name: 'nic0', type: 'nic', ring: { size: '4MiB' }, rate: '1MB/s', buffers: 'per-packet', ats: true },
      { name: 'nvme0', type: 'nvme', ring: { size: '16MiB' }, rate: '1MB/s' },
    ],
    viommu: { mode: 'explicit', driver: 'lazy' },
    migration: { start: '100ms', timeout: '2s' },
    ...common,
  },
];

describe('every field of the experiment file', () => {
  it('is read by the simulation, or not meant for it', () => {
    const read = new Set<string>();
    for (const experiment of experiments) {
      for (const path of readBy(experiment)) read.add(path);
    }
    const fields = new Set(leaves(experimentJsonSchema()));
    const ignored = [...fields].filter(
      (path) =>
        !read.has(path) &&
        !NOT_SIMULATED.some(
          (prefix) => path === prefix || path.startsWith(`${prefix}.`) || path.startsWith(`${prefix}[`),
        ),
    );
    expect(ignored).toEqual([]);
  });

  it.each(COST_NAMES)('costs.%s is used by the engine', (name) => {
    const word = new RegExp(`\\b${name}\\b`);
    expect(SOURCES.some((text) => word.test(text))).toBe(true);
  });
});
