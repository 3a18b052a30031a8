import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pathOf, pathText, type Edit, type Path } from '../../../renderer/views/editor/document/edits.ts';
import { editYaml, readYaml } from '../../../renderer/views/editor/document/yamlText.ts';

const FILE = `# What it is about.
name: NIC # short
guest:
  # all of it
  memory: 4GiB
  workloads:
    # the first
    - name: app
      rate: 100 pages/s # slow
    # the second
    - { name: batch, rate: full }

iommu: { format: vtd-ss, unmap: query-then-unmap }
# trailing
`;

function edited(text: string, edit: Edit): string {
  const result = editYaml(text, edit);
  if (!result.ok) throw new Error(result.why);
  return result.text;
}
const at = (path: string): Path => pathOf(path);

describe('an edit of the text', () => {
  it('changes one value and nothing else', () => {
    expect(edited(FILE, { kind: 'set', path: at('guest.memory'), value: '16GiB' })).toBe(FILE.replace('4GiB', '16GiB'));
    expect(edited(FILE, { kind: 'set', path: at('guest.workloads[0].rate'), value: 'full' })).toBe(
      FILE.replace('100 pages/s', 'full'),
    );
    expect(edited(FILE, { kind: 'set', path: at('iommu.unmap'), value: 'exchange' })).toBe(
      FILE.replace('query-then-unmap', 'exchange'),
    );
  });
  it('adds a field where its group is, below the line of the one before', () => {
    expect(edited(FILE, { kind: 'set', path: at('guest.vcpus'), value: 4 })).toContain('rate: full }\n  vcpus: 4\n');
    expect(edited(FILE, { kind: 'set', path: at('iommu.flush'), value: 'never' })).toContain(
      '{ format: vtd-ss, unmap: query-then-unmap, flush: never }',
    );
    expect(edited(FILE, { kind: 'set', path: at('viommu.mode'), value: 'shadow' })).toContain(
      'query-then-unmap }\nviommu:\n  mode: shadow\n# trailing',
    );
  });
  it('puts a new key where the schema has it', () => {
    const result = editYaml(FILE, { kind: 'set', path: ['guest', 'vcpus'], value: 2 }, () => [
      'memory',
      'vcpus',
      'workloads',
    ]);
    expect(result).toEqual({ ok: true, text: FILE.replace('memory: 4GiB\n', 'memory: 4GiB\n  vcpus: 2\n') });
  });
  it('takes a field away with its own comment, and no other', () => {
    expect(edited(FILE, { kind: 'unset', path: at('guest.workloads[0].name') })).toBe(
      FILE.replace('- name: app\n      rate', '- rate'),
    );
    expect(edited(FILE, { kind: 'unset', path: at('iommu.format') })).toContain('iommu: { unmap: query-then-unmap }');
    expect(edited(FILE, { kind: 'unset', path: at('iommu.unmap') })).toContain('iommu: { format: vtd-ss }');
    expect(edited(FILE, { kind: 'unset', path: at('iommu') })).toContain('rate: full }\n\n# trailing');
  });
  it('replaces a switch by a group', () => {
    const text = 'migration: { multifd: true }\n';
    expect(edited(text, { kind: 'set', path: at('migration.multifd.channels'), value: 4 })).toBe(
      'migration: { multifd: { channels: 4 } }\n',
    );
  });
  it('moves items with the comments above them', () => {
    expect(edited(FILE, { kind: 'move', path: at('guest.workloads'), from: 1, to: 0 })).toContain(
      `    # the first
    # the second
    - { name: batch, rate: full }
    - name: app
      rate: 100 pages/s # slow
`,
    );
  });
  it('adds to, and empties, lists', () => {
    const one = edited(FILE, { kind: 'remove', path: at('guest.workloads'), index: 0 });
    expect(one).toContain('    # the first\n    # the second\n    - { name: batch, rate: full }\n');
    expect(edited('a: 1\nlist:\n  - 1\n', { kind: 'remove', path: ['list'], index: 0 })).toBe('a: 1\nlist: []\n');
    expect(
      edited('name: x\n', { kind: 'insert', path: ['devices'], index: 0, value: { type: 'nic', name: 'n' } }),
    ).toBe('name: x\ndevices:\n  - { type: nic, name: n }\n');
  });
  it('quotes what YAML would read as something else', () => {
    for (const value of [
      '>= 50%',
      'yes: no',
      '# x',
      '',
      '0',
      'true',
      'null',
      'a, b',
      '[x',
      ' x ',
      '- y',
      'é\u202e',
      'a\nb',
    ]) {
      for (const text of ['expect: { lost: 1 }\n', 'expect:\n  lost: 1\n']) {
        const result = edited(text, { kind: 'set', path: ['expect', 'throttle'], value });
        expect(readYaml(result).value).toEqual({ expect: { lost: 1, throttle: value } });
      }
    }
  });
  it('fills an empty file, and a group that has nothing yet', () => {
    expect(edited('', { kind: 'set', path: ['guest', 'memory'], value: '1GiB' })).toBe('guest:\n  memory: 1GiB\n');
    expect(edited('# only a comment\n', { kind: 'set', path: ['name'], value: 'x' })).toBe(
      '# only a comment\nname: x\n',
    );
    expect(edited('viommu: # soon\n', { kind: 'set', path: ['viommu', 'mode'], value: 'shadow' })).toBe(
      'viommu: { mode: shadow } # soon\n',
    );
  });
  it('refuses what it cannot do, with a reason', () => {
    expect(editYaml('a: [', { kind: 'set', path: ['b'], value: 1 })).toMatchObject({ ok: false });
    const aliased = 'a: &x { n: 1 }\nb: *x\n';
    const result = editYaml(aliased, { kind: 'set', path: ['b', 'n'], value: 2 });
    // Either it refuses, or `a` keeps its value.
    if (result.ok) expect(readYaml(result.text).value).toEqual({ a: { n: 1 }, b: { n: 2 } });
  });
  it('leaves a comment in braces at the line that it is about', () => {
    const flow = 'name: x\nguest: {\n  memory: 4GiB, # four\n  vcpus: 2 # two\n}\n';
    expect(edited(flow, { kind: 'set', path: at('guest.populated'), value: '50%' })).toBe(
      'name: x\nguest: {\n  memory: 4GiB, # four\n  vcpus: 2, # two\n  populated: 50%\n}\n',
    );
    const between = editYaml(flow, { kind: 'set', path: at('guest.populated'), value: '50%' }, () => [
      'memory',
      'populated',
      'vcpus',
    ]);
    expect(between).toEqual({
      ok: true,
      text: 'name: x\nguest: {\n  memory: 4GiB, # four\n  populated: 50%,\n  vcpus: 2 # two\n}\n',
    });
  });
  it('keeps a text of several lines one, where `|` can say it', () => {
    const notes = 'name: x\nnotes: |\n  a # no comment\n   b\n\nguest: { memory: 1GiB }\n';
    const set = (value: string): string => edited(notes, { kind: 'set', path: ['notes'], value });
    expect(set('one\n\ntwo: 3\n')).toBe('name: x\nnotes: |\n  one\n\n  two: 3\n\nguest: { memory: 1GiB }\n');
    for (const value of ['one\ntwo', ' first\nsecond\n', 'a\n\n\n', 'bell\u0007\nx', '\u2028\ny', 'single']) {
      expect(readYaml(set(value)).value).toEqual({ name: 'x', notes: value, guest: { memory: '1GiB' } });
    }
  });
  it('goes through an alias only where that changes nothing else, and says so where it would', () => {
    const shared = 'name: x\nguest: &g\n  memory: 4GiB # four\n  vcpus: 2\ncopy: *g\n';
    expect(editYaml(shared, { kind: 'set', path: at('guest.memory'), value: '8GiB' })).toEqual({
      ok: false,
      why: 'guest.memory cannot be changed from the form here; change it in the text',
    });
    const alias = 'size: &m 4GiB\nguest:\n  memory: *m # same\n';
    expect(edited(alias, { kind: 'set', path: at('guest.memory'), value: '8GiB' })).toBe(
      'size: &m 4GiB\nguest:\n  memory: 8GiB # same\n',
    );
    const anchored = 'guest:\n  memory: &m 4GiB\nother: *m\n';
    expect(editYaml(anchored, { kind: 'set', path: at('guest.memory'), value: '8GiB' }).ok).toBe(false);
  });
  it('refuses a text that cannot be read, and leaves it alone', () => {
    for (const text of ['guest:\n  memory: 4GiB\n  memory: 5GiB\n', 'guest:\n\tmemory: 4GiB\n', 'guest: [\n'])
      expect(editYaml(text, { kind: 'set', path: at('guest.memory'), value: '8GiB' }).ok).toBe(false);
  });
  it('keeps JSON JSON', () => {
    const text = '{\n  "name": "x",\n  "seed": 1\n}\n';
    const result = edited(text, { kind: 'set', path: ['sampling'], value: '5ms' });
    expect(readYaml(result).value).toEqual({ name: 'x', seed: 1, sampling: '5ms' });
    expect(result).toContain(',\n  "sampling": ');
  });
});

it('reads its own names of fields', () => {
  for (const path of ['guest.memory', 'guest.workloads[0].rate', 'changes[12]', 'a'])
    expect(pathText(pathOf(path))).toBe(path);
});

// --- Random edits against plain objects --------------------------------------------------------------------------------

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'examples');
const texts = readdirSync(EXAMPLES)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(join(EXAMPLES, name), 'utf8'));

/** Where one may write: every path there is, and some that are not. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (Array.isArray(value)) return [path, ...value.flatMap((item, i) => pathsOf(item, [...path, i]))];
  if (typeof value === 'object' && value !== null)
    return [path, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))];
  return [path];
}

/** The slow model: a deep copy, changed in place as anybody would. */
function model(value: unknown, edit: Edit): unknown {
  const copy = structuredClone(value) as Record<string, unknown>;
  let parent: Record<string | number, unknown> = { root: copy };
  let key: string | number = 'root';
  for (const step of edit.path) {
    const here = parent[key];
    if (typeof here !== 'object' || here === null || (typeof step === 'string' && Array.isArray(here)))
      parent[key] = typeof step === 'number' ? [] : {};
    parent = parent[key] as Record<string | number, unknown>;
    key = step;
  }
  if (edit.kind === 'set') parent[key] = edit.value;
  else if (edit.kind === 'unset') Reflect.deleteProperty(parent, key);
  else {
    const list = (parent[key] ??= []) as unknown[];
    if (edit.kind === 'insert') list.splice(edit.index, 0, edit.value);
    else if (edit.kind === 'remove') list.splice(edit.index, 1);
    else list.splice(edit.to, 0, ...list.splice(edit.from, 1));
  }
  return copy;
}

const scalar = fc.oneof(
  fc.constantFrom('16GiB', '60%', '20000 pages/s', '0', 'true', '>= 50%', '10ms .. 300ms', "it's", 'a: b', '#x', ''),
  fc.integer({ min: -5, max: 1000 }),
  fc.boolean(),
  fc.string(),
);
const item = fc.oneof(scalar, fc.record({ name: scalar, rate: scalar }), fc.constant({}));

function randomEdit(value: unknown, pick: (most: number) => number, put: unknown): Edit {
  const paths = pathsOf(value).filter((path) => path.length > 0);
  const path = paths[pick(paths.length)]!;
  const here = path.reduce<unknown>((node, step) => (node as Record<string | number, unknown>)[step], value);
  if (Array.isArray(here) && here.length > 0) {
    const kind = pick(3);
    if (kind === 0) return { kind: 'insert', path, index: pick(here.length + 1), value: put };
    if (kind === 1) return { kind: 'remove', path, index: pick(here.length) };
    return { kind: 'move', path, from: pick(here.length), to: pick(here.length) };
  }
  const kind = pick(4);
  if (kind === 0 && typeof path.at(-1) === 'string') return { kind: 'unset', path };
  if (kind === 1 && typeof here === 'object' && here !== null && !Array.isArray(here))
    return { kind: 'set', path: [...path, `new_${pick(3)}`], value: put };
  if (kind === 2) return { kind: 'insert', path: ['list'], index: 0, value: put };
  return { kind: 'set', path, value: put };
}

const commentsOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('#'));

describe('random sequences of edits', () => {
  it('mean what they mean on a plain object, and keep every comment line', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.array(fc.tuple(fc.infiniteStream(fc.nat()), item), { minLength: 1, maxLength: 12 }),
        (start, steps) => {
          let text = start;
          let value = readYaml(start).value;
          for (const [stream, put] of steps) {
            const numbers = stream[Symbol.iterator]();
            const edit = randomEdit(value, (most) => (numbers.next().value as number) % most, put);
            const result = editYaml(text, edit);
            if (!result.ok) throw new Error(`${JSON.stringify(edit)}: ${result.why}\n${text}`);
            value = model(value, edit);
            text = result.text;
            expect(readYaml(text).value).toEqual(value);
            // Comments inside of what was taken away or replaced go with it; all others stay.
            if (edit.kind === 'move' || edit.kind === 'insert')
              expect(commentsOf(text).toSorted()).toEqual(
                expect.arrayContaining(commentsOf(start).filter((line) => commentsOf(text).includes(line))),
              );
          }
          // The head of the file is never touched.
          expect(text.startsWith(start.slice(0, start.indexOf('\nname:')))).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });
  it('of single values, insertions and moves lose no comment at all', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(FILE, ...texts),
        fc.array(fc.tuple(fc.nat(), fc.nat(), scalar), { minLength: 1, maxLength: 10 }),
        (start, steps) => {
          let text = start;
          for (const [a, b, put] of steps) {
            const { value } = readYaml(text);
            const paths = pathsOf(value).filter((path) => path.length > 0);
            const path = paths[a % paths.length]!;
            const here = path.reduce<unknown>((node, step) => (node as Record<string | number, unknown>)[step], value);
            const edit: Edit = Array.isArray(here)
              ? here.length > 1
                ? { kind: 'move', path, from: a % here.length, to: b % here.length }
                : { kind: 'insert', path, index: b % (here.length + 1), value: put }
              : typeof here === 'object'
                ? { kind: 'set', path: [...path, `new_${b % 3}`], value: put }
                : { kind: 'set', path, value: put };
            const result = editYaml(text, edit);
            if (!result.ok) throw new Error(result.why);
            text = result.text;
          }
          expect(commentsOf(text).toSorted()).toEqual(commentsOf(start).toSorted());
        },
      ),
      { numRuns: 150 },
    );
  });
});
