import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { GIB, MIB, NS_PER_MS } from '../../../engine/core/units.ts';
import { experimentJsonSchema } from '../../../engine/experiment/jsonschema.ts';
import { parseExperiment } from '../../../engine/experiment/parse.ts';
import { sweepJsonSchema } from '../../../engine/experiment/schema-sweep.ts';
import { planSweep, settingText } from '../../../engine/experiment/sweep.ts';
import type { PlanOptions, SweepPlan } from '../../../engine/experiment/sweep.ts';
import '../../seed.ts';

const BASE = `# Does a faster link help?
name: Link and limit
guest:
  memory: 4GiB # all of it
  vcpus: 2
  workloads:
    - { name: db, pattern: uniform, rate: 2000 pages/s, region: { size: 64MiB } }
    - { name: log, pattern: uniform, rate: 10 pages/s }
devices:
  - { name: nic0, type: nic, rate: 1Gbit/s }
migration: { bandwidth: 1Gbit/s, xbzrle: true }
`;

const plan = (sweep: string, base = BASE, options: Partial<PlanOptions> = {}): SweepPlan => {
  const result = planSweep(`${base}sweep:\n${indented(sweep)}`, { fileName: 's.yaml', ...options });
  if (!result.ok) throw new Error(result.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  return result.plan;
};
const indented = (text: string): string => text.trim().replace(/^/gmu, '  ');

/** `line:column path: message` of each problem. */
const problems = (sweep: string, base = BASE, options: Partial<PlanOptions> = {}): string[] => {
  const result = planSweep(`${base}sweep:\n${indented(sweep)}`, { fileName: 's.yaml', ...options });
  return result.ok ? [] : result.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`);
};

describe('a grid', () => {
  const grid = plan('fields:\n  migration.bandwidth: [1Gbit/s, 10Gbit/s]\n  guest.vcpus: [2, 4, 8]\nseeds: 2');

  it('is every combination with every seed, the last field and then the seed fastest', () => {
    expect(grid.settings).toEqual([
      ['1Gbit/s', 2],
      ['1Gbit/s', 4],
      ['1Gbit/s', 8],
      ['10Gbit/s', 2],
      ['10Gbit/s', 4],
      ['10Gbit/s', 8],
    ]);
    expect(grid.points).toHaveLength(12);
    expect(grid.points.map(({ number, setting, seed }) => [number, setting, seed]).slice(0, 4)).toEqual([
      [1, 0, 1],
      [2, 0, 2],
      [3, 1, 1],
      [4, 1, 2],
    ]);
  });

  it('gives the experiment with those fields set, and nothing else changed', () => {
    const plain = parseExperiment(BASE, { fileName: '' });
    if (!plain.ok) throw new Error('the base is an experiment');
    const last = grid.experiment(grid.points.at(-1)!);
    expect(last).toEqual({
      ...plain.experiment,
      seed: 2,
      guest: { ...plain.experiment.guest, vcpus: 8 },
      migration: { ...plain.experiment.migration, bandwidth: 1.25e9 },
    });
  });

  it('keeps comments, layout and units of the file in a point’s text', () => {
    const text = grid.text(grid.points.at(-1)!);
    expect(text).toContain('# Does a faster link help?\n');
    expect(text).toContain('memory: 4GiB # all of it');
    expect(text).toContain('bandwidth: 10Gbit/s');
    expect(text).toContain('seed: 2');
    expect(text).not.toContain('sweep');
  });

  it('is the same plan each time, with a key for each point', () => {
    const again = plan('fields:\n  migration.bandwidth: [1Gbit/s, 10Gbit/s]\n  guest.vcpus: [2, 4, 8]\nseeds: 2');
    expect(again.points).toEqual(grid.points);
    expect(new Set(grid.points.map(({ key }) => key)).size).toBe(12);
  });

  it('has the same keys where only names and layout differ', () => {
    const renamed = BASE.replace('Link and limit', 'Another name').replace('4GiB', '4096MiB');
    const other = plan(
      'fields: {guest.vcpus: [2, 4, 8], migration.bandwidth: [1Gbit/s, 10000Mbit/s]}\nseeds: 2',
      renamed,
    );
    expect(other.points.map(({ key }) => key).sort()).toEqual(grid.points.map(({ key }) => key).sort());
  });
});

describe('fields', () => {
  it('may be items of lists, by number or by name', () => {
    const byName = plan('fields: {"devices[nic0].rate": [2Gbit/s], "guest.workloads[log].rate": [5 pages/s]}');
    const byNumber = plan('fields: {"devices[0].rate": [2Gbit/s], "guest.workloads[1].rate": [5 pages/s]}');
    expect(byName.points.map(({ key }) => key)).toEqual(byNumber.points.map(({ key }) => key));
    expect(byName.experiment(byName.points[0]!).guest.workloads[1]).toMatchObject({ rate: 5 });
  });

  it('may be missing in the file, inside a switch, or whole groups', () => {
    const made = plan(
      'fields:\n  migration.xbzrle.cache: [64MiB, 128MiB]\n  iommu.flush: [never]\n  migration.auto_converge: [false, {initial: 30%}]',
    );
    const experiments = made.points.map((point) => made.experiment(point).migration);
    expect(experiments.map(({ xbzrle }) => [xbzrle.enabled, xbzrle.cache / MIB])).toEqual([
      [true, 64],
      [true, 64],
      [true, 128],
      [true, 128],
    ]);
    expect(experiments.map(({ auto_converge: { enabled, initial } }) => [enabled, initial])).toEqual([
      [false, 20],
      [true, 30],
      [false, 20],
      [true, 30],
    ]);
    for (const point of made.points) {
      const read = parseExperiment(made.text(point), { fileName: '' });
      expect(read.ok && read.experiment).toEqual(made.experiment(point));
    }
  });

  it('may be nothing but seeds', () => {
    expect(plan('seeds: [7, 9]').points.map(({ seed }) => seed)).toEqual([7, 9]);
    expect(plan('seeds: 3', `${BASE}seed: 4294967294\n`).points.map(({ seed }) => seed)).toEqual([
      4294967294, 4294967295, 0,
    ]);
  });
});

describe('ranges', () => {
  const values = (field: string, range: string): unknown[] =>
    plan(`fields: {${field}: ${range}}`).settings.map(([v]) => v);

  it('are linear or logarithmic, ends as they were written', () => {
    expect(values('migration.bandwidth', '{from: 1Gbit/s, to: 5Gbit/s, steps: 3}')).toEqual([
      '1Gbit/s',
      '3Gbit/s',
      '5Gbit/s',
    ]);
    expect(values('migration.bandwidth', '{from: 1Gbit/s, to: 100Gbit/s, steps: 3, scale: log}')).toEqual([
      '1Gbit/s',
      '10Gbit/s',
      '100Gbit/s',
    ]);
    expect(values('migration.downtime_limit', '{from: 1s, to: 10ms, steps: 3, scale: log}')).toEqual([
      '1s',
      '100ms',
      '10ms',
    ]);
  });

  it('round what lies between to what a person would write, and sizes to pages', () => {
    expect(values('guest.memory', '{from: 1GiB, to: 7GiB, steps: 3, scale: log}')[1]).toBe('2708MiB');
    expect(values('guest.populated', '{from: 10%, to: 20%, steps: 4}')).toEqual(['10%', '13.33%', '16.67%', '20%']);
    expect(values('"guest.workloads[0].rate"', '{from: 1000 pages/s, to: 7000 pages/s, steps: 4, scale: log}')).toEqual(
      ['1000 pages/s', '1913 pages/s', '3659 pages/s', '7000 pages/s'],
    );
  });

  it('have no more whole numbers than there are', () => {
    expect(values('guest.vcpus', '{from: 2, to: 5, steps: 10}')).toEqual([2, 3, 4, 5]);
  });
});

describe('a Latin hypercube', () => {
  const sweep = `method: latin-hypercube
points: 40
fields:
  migration.bandwidth: {from: 1Gbit/s, to: 100Gbit/s, scale: log}
  migration.downtime_limit: {from: 10ms, to: 50s}
  iommu.flush: [after-clear, never]
`;

  it('takes each of n equal parts of every field exactly once', () => {
    const made = plan(sweep);
    expect(made.settings).toHaveLength(40);
    const experiments = made.points.map((point) => made.experiment(point));
    const parts = (shares: readonly number[]): number[] =>
      shares.map((share) => Math.min(39, Math.floor(share * 40 + 1e-3))).sort((a, b) => a - b);
    const whole = Array.from({ length: 40 }, (_, i) => i);
    const limits = experiments.map(({ migration }) => (migration.downtime_limit / NS_PER_MS - 10) / 49_990);
    const links = experiments.map(({ migration }) => Math.log(migration.bandwidth / 1.25e8) / Math.log(100));
    expect(parts(limits)).toEqual(whole);
    expect(parts(links)).toEqual(whole);
    expect(experiments.filter(({ iommu }) => iommu.flush === 'never')).toHaveLength(20);
  });

  it('depends on its seed, and a field’s values not on the other fields', () => {
    const column = (text: string): unknown[] => plan(text).settings.map(([value]) => value);
    expect(column(sweep)).toEqual(column(sweep));
    expect(column(`${sweep}seed: 2`)).not.toEqual(column(sweep));
    expect(column(sweep.replace(/ {2}iommu.*\n/u, ''))).toEqual(column(sweep));
  });
});

describe('what makes no plan', () => {
  it.each([
    ['seeds: 1', 'sweep: nothing is varied'],
    [
      'fields: {migration.bandwith: [1Gbit/s]}',
      "migration.bandwith: migration: unknown key 'bandwith'; did you mean 'bandwidth'?",
    ],
    ['fields: {"devices[nic1].rate": [1Gbit/s]}', "devices has no item 'nic1'; did you mean 'nic0'?"],
    ['fields: {"devices[0].rat": [1Gbit/s]}', "devices[0]: unknown key 'rat'; did you mean 'rate'?"],
    ['fields: {"migration[0]": [1]}', 'migration is not a list'],
    ['fields: {guest.memory.size: [1GiB]}', 'guest.memory has no fields'],
    ['fields: {"a b": [1]}', "'a b' is not the path of a field"],
    ['fields: {"__proto__": [1]}', ''],
    ['fields: {seed: [1, 2]}', "'seed' cannot be varied"],
    ['fields: {name: [a, b]}', "'name' cannot be varied"],
    ['fields: {migration.bandwidth: 1Gbit/s}', "found '1Gbit/s', expected a list of values or a range"],
    ['fields: {migration.bandwidth: []}', 'the list has 0 entries, at least 1 are needed'],
    ['fields: {migration.bandwidth: {from: 1Gbit/s, to: 2Gbit/s}}', "missing 'steps'"],
    [
      'fields: {migration.bandwidth: {from: 1Gbit/s, to: 2Gbit/s, step: 3}}',
      "unknown key 'step'; did you mean 'steps'?",
    ],
    ['fields: {migration.bandwidth: {from: 1, to: 2Gbit/s, steps: 2}}', 'found 1 without a unit'],
    ['fields: {migration.bandwidth: {from: 1GiB, to: 2Gbit/s, steps: 2}}', '"1GiB" is not a rate'],
    ['fields: {migration.bandwidth: {from: 2Gbit/s, to: 2000Mbit/s, steps: 2}}', 'the range begins and ends at'],
    ['fields: {migration.downtime_limit: {from: 0, to: 1s, steps: 2, scale: log}}', 'a logarithmic range cannot begin'],
    ['fields: {"guest.workloads[0].rate": {from: 1 pages/s, to: full, steps: 2}}', "'full' is no end of a range"],
    ['fields: {iommu.flush: {from: never, to: after-clear, steps: 2}}', 'is not a number or a quantity'],
    ['fields: {migration: [{}], migration.bandwidth: [1Gbit/s]}', 'this is part of migration'],
    [
      'fields: {"devices[0].rate": [1Gbit/s], "devices[nic0].rate": [1Gbit/s]}',
      'this is the same field as devices[0].rate',
    ],
    ['points: 3\nseeds: 2', 'a grid takes every combination'],
    ['method: latin-hypercube\nseeds: 2', "missing 'points'"],
    ['method: latin\nseeds: 2', "found 'latin', expected grid or latin-hypercube"],
    ['seeds: [1, 1]', 'a seed stands here twice'],
    ['seeds: 0', 'found 0, expected a whole number from 1'],
    ['seed: 1', 'nothing is varied'],
    ['feilds: {}', "unknown key 'feilds'; did you mean 'fields'?"],
  ])('%s', (sweep, message) => {
    const found = problems(sweep);
    expect(found).not.toEqual([]);
    expect(found.join('\n')).toContain(message);
  });

  it('names the value that is wrong, with its line', () => {
    expect(problems('fields:\n  migration.bandwidth:\n    - 1Gbit/s\n    - 10Gbits\n  guest.vcpus: [2, 4, 8]')).toEqual(
      [
        expect.stringMatching(
          /^16 sweep\.fields\.migration\.bandwidth\[1\]: point 4 \(bandwidth 10Gbits, vcpus 2\): .*10Gbits.* \(and 2 more like this\)$/u,
        ),
      ],
    );
  });

  it('names the point whose values do not go together', () => {
    const found = problems('fields: {guest.memory: [1GiB, 4GiB], "guest.workloads[0].region.offset": [512MiB, 2GiB]}');
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/point 2 \(memory 1GiB, offset 2GiB\): .*outside the guest's 1GiB/u);
  });

  it('tells a mistake of the file itself without a point', () => {
    expect(problems('fields: {guest.vcpus: [2, 4]}', BASE.replace('pattern: uniform', 'pattern: unifrom'))).toEqual([
      expect.stringMatching(/^7 guest\.workloads\[0\]\.pattern: found 'unifrom'/u),
    ]);
  });

  it('is not more than was allowed, which is found out before the points are made', () => {
    const lists = Array.from({ length: 6 }, (_, i) => `  costs.${COST_NAMES[i]!}: {from: 1ns, to: 2us, steps: 1000}`);
    expect(problems(`fields:\n${lists.join('\n')}`)).toEqual([
      expect.stringContaining('this is a plan of 1,000,000,000,000,000,000 runs; at most 10,000 are allowed'),
    ]);
    expect(problems('seeds: 3', BASE, { maxPoints: 2 })).toEqual([expect.stringContaining('at most 2 are allowed')]);
  });

  it('is a file without a sweep; and a sweep is no experiment', () => {
    const result = planSweep(BASE, { fileName: 's.yaml' });
    expect(result.ok ? [] : result.problems[0]!.message).toBe("missing 'sweep': this file describes no sweep");
    const read = parseExperiment(`${BASE}sweep: {seeds: 2}\n`, { fileName: 's.yaml' });
    expect(read.ok ? [] : read.problems).toMatchObject([
      { path: 'sweep', message: expect.stringContaining('sweep') as string },
    ]);
  });

  it('throws on no text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('sweep: {}[]&*\n-1GiB,"')) }), (text) => {
        planSweep(text, { fileName: 'x' });
        planSweep(`${BASE}sweep: ${text}`, { fileName: 'x', maxPoints: 100 });
      }),
      { numRuns: 200 },
    );
  });
});

const COST_NAMES = Object.entries((experimentJsonSchema().properties!['costs'] as { properties: object }).properties)
  .filter(([, field]) => (field as Record<string, unknown>)['x-quantity'] === 'cost')
  .map(([name]) => name);

it('counts what gives the same run once', () => {
  const made = plan('fields: {guest.memory: [1GiB, 1024MiB, 2GiB]}\nseeds: 2');
  expect(made.settings).toEqual([['1GiB'], ['2GiB']]);
  expect([made.points.length, made.repeated]).toEqual([4, 1]);
});

it('writes out what aliases say, so that a value is set in one place alone', () => {
  const base = BASE.replace('rate: 2000 pages/s', 'rate: &rate 2000 pages/s').replace(
    'rate: 10 pages/s',
    'rate: *rate',
  );
  const made = plan('fields: {"guest.workloads[0].rate": [1 pages/s]}', base);
  const text = made.text(made.points[0]!);
  const { guest } = parseYaml(text) as { guest: { workloads: { rate: string }[] } };
  expect(guest.workloads.map(({ rate }) => rate)).toEqual(['1 pages/s', '2000 pages/s']);
});

it('says a setting in a few words', () => {
  const made = plan('fields: {migration.bandwidth: [1Gbit/s], migration.auto_converge: [{initial: 30%}]}');
  expect(settingText(made.fields, made.settings[0]!)).toBe('bandwidth 1Gbit/s, auto_converge {"initial":"30%"}');
});

const VARIED = {
  'guest.memory': fc.constantFrom('4GiB', '8GiB', '16GiB'),
  'guest.vcpus': fc.integer({ min: 2, max: 64 }),
  'guest.workloads[0].rate': fc.constantFrom('full', '10 pages/s', '1Gbit/s'),
  'guest.workloads[log].region': fc.constantFrom({ size: '1GiB' }, { offset: '1MiB', size: '2MiB' }),
  'devices[nic0].rate': fc.constantFrom('1Mbit/s', '25Gbit/s'),
  'iommu.flush': fc.constantFrom('after-clear', 'never'),
  'migration.xbzrle.cache': fc.constantFrom('64MiB', '1GiB'),
  'migration.auto_converge': fc.constantFrom(true, false, { initial: '30%' }),
  'migration.downtime_limit': fc.integer({ min: 1, max: 1000 }).map((ms) => `${ms}ms`),
  sampling: fc.constantFrom('10ms', '1s'),
} as const;

it('a point’s text is the experiment that was validated, whatever is varied', () => {
  const fields = fc.subarray(Object.keys(VARIED) as (keyof typeof VARIED)[], { minLength: 1, maxLength: 4 });
  const sections = fields.chain((names) =>
    fc.record(
      Object.fromEntries(
        names.map((name) => [name, fc.array(VARIED[name] as fc.Arbitrary<unknown>, { minLength: 1, maxLength: 3 })]),
      ),
    ),
  );
  fc.assert(
    fc.property(sections, fc.integer({ min: 1, max: 2 }), fc.boolean(), (chosen, seeds, json) => {
      const sweep = { fields: chosen, seeds };
      const text = json
        ? JSON.stringify({ ...(parseYaml(BASE) as object), sweep })
        : `${BASE}sweep: ${JSON.stringify(sweep)}\n`;
      const result = planSweep(text, { fileName: 's.yaml' });
      if (!result.ok) throw new Error(JSON.stringify(result.problems));
      for (const point of result.plan.points) {
        const read = parseExperiment(result.plan.text(point), { fileName: 'p.yaml' });
        expect(read.ok ? read.experiment : read.problems).toEqual(result.plan.experiment(point));
      }
    }),
    { numRuns: 25 },
  );
});

describe('the published JSON Schema of sweeps', () => {
  const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
  for (const keyword of ['x-source', 'x-unit', 'x-quantity', 'x-min', 'x-max', 'x-default', 'x-governs', 'x-multiple'])
    ajv.addKeyword(keyword);
  const check = ajv.compile(sweepJsonSchema());
  const experiment = { name: 'x', guest: { memory: `${4 * GIB}B` } };

  it('accepts sweeps and refuses what the shape alone can refuse', () => {
    expect(check({ ...experiment, sweep: { seeds: 3 } })).toBe(true);
    const range = { from: '1GiB', to: '4GiB', steps: 3, scale: 'log' };
    expect(
      check({ ...experiment, sweep: { method: 'grid', fields: { 'guest.memory': range, a: [1] }, seeds: [1] } }),
    ).toBe(true);
    expect(check(experiment)).toBe(false);
    expect(check({ ...experiment, sweep: { feilds: {} } })).toBe(false);
    expect(check({ ...experiment, sweep: { fields: { 'guest.memory': { from: '1GiB' } } } })).toBe(false);
    expect(check({ ...experiment, sweep: { fields: { 'guest.memory': [] } } })).toBe(false);
  });
});
