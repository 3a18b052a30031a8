// Differences of configurations, and the patch that undoes them.
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differencesOf, type Configured, type Difference } from '../../../../engine/experiment/compare/differences.ts';
import { patchTo, stepText } from '../../../../engine/experiment/compare/patch.ts';
import { configJson } from '../../../../engine/experiment/identity.ts';
import { parseExperiment } from '../../../../engine/experiment/parse.ts';

const root = new URL('../../../../', import.meta.url);
const texts = ['examples/', 'test/fixtures/experiments/valid/'].flatMap((folder) =>
  readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(new URL(folder + name, root), 'utf8')),
);

function configured(text: string): Configured {
  const parsed = parseExperiment(text, { fileName: 'x.yaml' });
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join('\n'));
  return { experiment: parsed.experiment, written: parsed.source.value };
}
const differences = (...files: readonly string[]): Difference[] => differencesOf(files.map(configured));
const table = (...files: readonly string[]): Record<string, string[]> =>
  Object.fromEntries(
    differences(...files).map(({ path, cells }) => [path, cells.map(({ text, origin }) => `${text} ${origin}`)]),
  );

const BASE = `name: Base
guest: {memory: 4GiB, workloads: [{name: db, pattern: uniform, region: {size: 64MiB}, rate: 5000 pages/s}]}
devices: [{name: nic0, type: nic, rate: 10Gbit/s}]
migration: {bandwidth: 1GiB/s}
`;

describe('differences of configurations', () => {
  it('are rows of what differs alone, as it was written, with what is default', () => {
    expect(
      table(BASE, BASE.replace('10Gbit/s', '25Gbit/s').replace('bandwidth: 1GiB/s', 'downtime_limit: 50ms')),
    ).toEqual({
      'devices[nic0].rate': ['10Gbit/s set', '25Gbit/s set'],
      'migration.bandwidth': ['1GiB/s set', '128MiB/s default'],
      'migration.downtime_limit': ['300ms default', '50ms set'],
    });
  });

  it('are none for another spelling, another name, seed, order of keys or expectation', () => {
    const other = `seed: 9
migration: {bandwidth: 1024MiB/s}
devices: [{type: nic, name: nic0, rate: 10000Mbit/s}]
expect: {lost: 0}
${BASE.split('\n').slice(1, 2).join('\n')}
name: Another
`;
    expect(differences(BASE, other)).toEqual([]);
  });

  it('match devices by name, and say which has one that others lack', () => {
    const two = BASE.replace(
      'devices: [',
      'devices: [{name: gpu0, type: gpu, ring: {offset: 1GiB, size: 2MiB}, rate: 1GB/s}, ',
    ).replace('type: nic, rate: 10Gbit/s', 'type: nic, rate: 10Gbit/s, ring: {offset: 2GiB, size: 16MiB}');
    const rows = table(two.replace(/\{name: gpu0[^]*?1GB\/s\}, /, ''), two);
    expect(rows).toEqual({ 'devices[gpu0]': ['absent absent', 'gpu set'] });
  });

  it('of a device of another type hold what both types have', () => {
    const rows = table(BASE, BASE.replace('type: nic', 'type: rdma'));
    expect(rows['devices[nic0].type']).toEqual(['nic set', 'rdma set']);
    for (const path of Object.keys(rows)) expect(path).toMatch(/^devices\[nic0\]/);
  });

  it('of a switch are on and off; its fields differ only where it is on', () => {
    const on = BASE.replace('bandwidth: 1GiB/s', 'bandwidth: 1GiB/s, multifd: {channels: 4}');
    const more = on.replace('channels: 4', 'channels: 8');
    expect(table(BASE, on)).toEqual({ 'migration.multifd': ['off default', 'on set'] });
    expect(table(BASE, on, more)).toEqual({
      'migration.multifd': ['off default', 'on set', 'on set'],
      'migration.multifd.channels': ['absent absent', '4 set', '8 set'],
    });
  });

  it('give numbers in base units beside their text', () => {
    const [row] = differences(BASE, BASE.replace('10Gbit/s', '25Gbit/s'));
    expect(row!.cells.map(({ value }) => value)).toEqual([1.25e9, 3.125e9]);
  });

  it('show the default of a cost that only one overrides', () => {
    const rows = table(BASE, `${BASE}costs: {resume: 5ms}\n`);
    expect(rows['costs.resume']![1]).toBe('5ms set');
    expect(rows['costs.resume']![0]).toMatch(/^\d+ ns.* default$/);
  });
});

describe('what would make B of A', () => {
  it('keeps A’s comments, spacing and name, and changes one value in its place', () => {
    const a = `# mine\n${BASE.replace('10Gbit/s', '10Gbit/s   # slow')}`.replace(
      'name: nic0, type: nic',
      'name: nic0,  type: nic',
    );
    const patch = patchTo(
      a.replace('   # slow', ''),
      BASE.replace('10Gbit/s', '25Gbit/s').replace('name: Base', 'name: B'),
    )!;
    expect(patch.steps.map(stepText)).toEqual(['devices[0].rate: 25Gbit/s']);
    expect(patch.text).toBe(a.replace('   # slow', '').replace('10Gbit/s', '25Gbit/s'));
  });

  it('adds, removes, and spares what only looks different', () => {
    const b = BASE.replace('bandwidth: 1GiB/s', 'bandwidth: 1024MiB/s, downtime_limit: 50ms').replace(
      ', region: {size: 64MiB}',
      '',
    );
    const patch = patchTo(BASE, b)!;
    expect(patch.steps.map(stepText)).toEqual(['remove guest.workloads[0].region', 'migration.downtime_limit: 50ms']);
  });

  it('is nothing between runs that differ in their seed alone', () => {
    expect(patchTo(BASE, `${BASE}seed: 7\n`)).toEqual({ steps: [], text: BASE });
  });

  it('is not there for what is no experiment', () => {
    expect(patchTo(BASE, '"config.pattern": "uniform"\n')).toBeNull();
  });

  it('follows aliases', () => {
    const a = BASE.replace('{size: 64MiB}', '&r {size: 64MiB}').replace(
      '10Gbit/s}',
      '10Gbit/s, ring: {offset: 1GiB, size: 16MiB}}, {name: nic1, type: nic, ring: {offset: 2GiB, size: 16MiB}}',
    );
    const b = a.replace('&r {size: 64MiB}', '{size: 128MiB}');
    expect(configJson(configured(patchTo(a, b)!.text).experiment)).toBe(configJson(configured(b).experiment));
  });

  it('gives B’s configuration and leaves A’s name, for any two experiments there are', () => {
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.constantFrom(...texts), (a, b) => {
        const patch = patchTo(a, b)!;
        const [before, after, wanted] = [a, patch.text, b].map((text) => configured(text).experiment);
        expect(configJson(after!)).toBe(configJson(wanted!));
        expect([after!.name, after!.seed]).toEqual([before!.name, before!.seed]);
        expect(differencesOf([configured(patch.text), configured(b)])).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
