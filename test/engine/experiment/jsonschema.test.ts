import { readFileSync, readdirSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { DEVICE_MODELS } from '../../../engine/devices/models.ts';
import { experimentJsonSchema } from '../../../engine/experiment/jsonschema.ts';
import type { JsonSchema } from '../../../engine/experiment/jsonschema.ts';
import { validateExperiment } from '../../../engine/experiment/parse.ts';

const root = new URL('../../../', import.meta.url);
const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
for (const keyword of ['x-source', 'x-unit', 'x-quantity', 'x-min', 'x-max', 'x-default', 'x-governs', 'x-multiple'])
  ajv.addKeyword(keyword);
const schema = experimentJsonSchema();
const check = ajv.compile(schema);

const files = (path: string): { name: string; value: unknown }[] => {
  const folder = new URL(path, root);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => ({ name, value: parseDocument(readFileSync(new URL(name, folder), 'utf8')).toJS() as unknown }));
};

/** Every field of the schema with its path; `[]` for items, `=nic` for a variant. */
function* fields(at: JsonSchema, path = ''): Generator<{ path: string; field: JsonSchema }> {
  for (const [name, property] of Object.entries(at.properties ?? {})) {
    const field = property as JsonSchema;
    const here = path === '' ? name : `${path}.${name}`;
    if (field.const === undefined) yield { path: here, field };
    yield* fields(field, here);
  }
  for (const option of [...(at.anyOf ?? []), ...(at.oneOf ?? [])]) yield* fields(option, path);
  if (at.items !== undefined && !Array.isArray(at.items)) yield* fields(at.items as JsonSchema, `${path}[]`);
}

describe('the published JSON Schema', () => {
  it.each([...files('examples/'), ...files('test/fixtures/experiments/valid/')])('accepts $name', ({ value }) => {
    check(value);
    expect(check.errors ?? []).toEqual([]);
  });

  it('refuses what the shape alone can refuse', () => {
    const guest = { memory: '4GiB' };
    for (const value of [
      { guest },
      { name: 'x' },
      { name: 'x', guest, devcies: [] },
      { name: 'x', guest: { memory: '16G' } },
      { name: 'x', guest: { memory: 4096 } },
      { name: 'x', guest, migration: { downtime_limit: '300' } },
      { name: 'x', guest, devices: [{ name: 'a', type: 'nick' }] },
      { name: 'x', guest, devices: [{ name: 'a', type: 'accelerator', dma_logging: true }] },
      { name: 'x', guest, migration: { multifd: 4 } },
    ]) {
      expect(check(value)).toBe(false);
      expect(validateExperiment(value).ok).toBe(false);
    }
  });

  it('explains every field: title, one line, and a source for every default that is a choice', () => {
    const all = [...fields(schema)];
    expect(all.length).toBeGreaterThan(150);
    const bare = all.filter(({ field }) => !field.title || !field.description);
    expect(bare.map(({ path }) => path)).toEqual([]);
    const long = all.filter(({ field }) => field.description!.length > 140 || field.description!.includes('\n'));
    expect(long.map(({ path, field }) => `${path}: ${field.description!.length}`)).toEqual([]);
    const choices = all.filter(
      ({ path, field }) =>
        field.default !== undefined &&
        field.type !== 'object' &&
        field.type !== 'array' &&
        !field.anyOf &&
        !path.endsWith('.enabled'),
    );
    expect(choices.filter(({ field }) => field['x-source'] === undefined).map(({ path }) => path)).toEqual([]);
  });

  it('has the defaults of the device models', () => {
    for (const [kind, model] of Object.entries(DEVICE_MODELS)) {
      const result = validateExperiment({
        name: 'x',
        guest: { memory: '16GiB' },
        devices: [{ name: 'd', type: kind }],
        tracking: { devices: 'everything' },
      });
      if (!result.ok) throw new Error(JSON.stringify(result.findings));
      const device = result.experiment.devices[0]!;
      const { traffic, migration } = model;
      const perOperation = device.buffers === 'per-io' || device.buffers === 'per-packet';
      expect({
        rate: device.rate,
        burst: device.burst,
        pattern: device.pattern,
        perOperation,
        region: device.ring.size,
        latency: device.latency,
        late: device.late_writes,
        queue: 'queue_depth' in device ? device.queue_depth : traffic.queueDepth,
        read: 'transmit' in device ? [device.transmit, device.packet] : [0, 1500],
        logging: 'dma_logging' in device && device.dma_logging.enabled,
      }).toEqual({
        rate: traffic.bytesPerSecond,
        burst: traffic.burstBytes,
        pattern: traffic.pattern,
        perOperation: traffic.buffers === 'per-operation',
        region: model.regionBytes,
        latency: traffic.latencyNs,
        late: { share: traffic.lateShare, window: traffic.lateWindowNs },
        queue: traffic.queueDepth,
        read: [traffic.readBytesPerSecond, traffic.readBytes],
        logging: model.dmaLogging,
      });
      expect(device.migration).toEqual({
        supported: true,
        precopy: migration.precopy,
        p2p: migration.p2p,
        state: migration.stateBytes,
        initial: migration.initialBytes,
        dirty_rate: migration.dirtyBytesPerSecond,
        read_rate: migration.readBytesPerSecond,
        load_rate: migration.loadBytesPerSecond,
        stop_time: migration.stopNs,
        resume_time: migration.resumeNs,
      });
    }
  });
});
