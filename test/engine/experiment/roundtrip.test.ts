// There and back: a validated experiment written out reads back to the same experiment; and whatever is done to a valid
// file, the parser answers with an experiment or with problems that have a place in the text. It never throws.
import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExperiment, validateExperiment } from '../../../engine/experiment/parse.ts';
import type { ParseResult } from '../../../engine/experiment/parse.ts';
import { experimentFields, experimentText } from '../../../engine/experiment/spell.ts';

const root = new URL('../../../', import.meta.url);
const folders = ['examples/', 'test/fixtures/experiments/valid/'].map((path) => new URL(path, root));
const valid = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') })),
);
const brokenFolder = new URL('test/fixtures/experiments/broken/', root);
const broken = readdirSync(brokenFolder).map((name) => readFileSync(new URL(name, brokenFolder), 'utf8'));

const parse = (text: string): ParseResult => parseExperiment(text, { fileName: 'x.yaml' });

/** Every place in a text: each problem must have one that exists, and something to say. */
function expectPlaced(text: string, result: ParseResult): void {
  if (result.ok) return;
  expect(result.problems.length).toBeGreaterThan(0);
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  for (const { line, column, message, file } of result.problems) {
    expect(file).toBe('x.yaml');
    expect(message).not.toBe('');
    expect(message).not.toContain('\n');
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines.length);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
  }
}

describe('an experiment written out', () => {
  it.each(valid)('$name reads back as the same experiment', ({ text }) => {
    const first = parse(text);
    if (!first.ok)
      throw new Error(first.problems.map((p) => `${p.line}:${p.column} ${p.path} ${p.message}`).join('\n'));
    const written = experimentText(first.experiment);
    const again = parse(written);
    expect(again.ok ? again.experiment : again.problems).toEqual(first.experiment);
    // And it says no more than before: writing is idempotent.
    if (again.ok) expect(experimentText(again.experiment)).toBe(written);
    // JSON is accepted as well, and so is the object itself.
    const json = parse(JSON.stringify(experimentFields(first.experiment), null, '\t'));
    expect(json.ok ? json.experiment : json.problems).toEqual(first.experiment);
    const value = validateExperiment(experimentFields(first.experiment));
    expect(value.ok ? value.experiment : value.findings).toEqual(first.experiment);
  });

  it('keeps values of any size exactly', () => {
    const size = fc.integer({ min: 1024, max: 1 << 28 }).map((pages) => `${pages} pages`);
    const rate = fc.oneof(
      fc.integer({ min: 1, max: 4e8 }).map((n) => `${n} pages/s`),
      fc.integer({ min: 1, max: 1e9 }).map((n) => `${n}B/s`),
      fc.integer({ min: 1, max: 1e9 }).map((n) => `${n}bit/s`),
      fc.constant('full'),
    );
    const duration = fc.integer({ min: 1, max: 1e11 }).map((n) => `${n}ns`);
    const share = fc.integer({ min: 0, max: 100_000 }).map((n) => `${n / 1000}%`);
    const input = fc.record({
      name: fc.constant('x'),
      guest: fc.record({
        memory: size,
        populated: share,
        workloads: fc
          .tuple(rate, share)
          .map(([each, part]) => [
            { name: 'a', pattern: 'hotcold', rate: each, region: { size: '8KiB' }, hot: { size: '4KiB', share: part } },
          ]),
      }),
      migration: fc.record({ link: fc.integer({ min: 8000, max: 1e9 }).map((n) => `${n}bit/s`) }),
      costs: duration.map((each) => ({ setup: each })),
    });
    fc.assert(
      fc.property(input, (value) => {
        const first = validateExperiment(value);
        if (!first.ok) throw new Error(JSON.stringify(first.findings));
        const again = parse(experimentText(first.experiment));
        expect(again.ok ? again.experiment : again.problems).toEqual(first.experiment);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a damaged file', () => {
  const texts = [...valid.map(({ text }) => text), ...broken.filter((text) => text.length < 20_000)];
  const snippets = fc.oneof(
    fc.constantFrom(
      '\n',
      '  ',
      '- ',
      ': ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '&a ',
      '*a',
      '!t ',
      '#',
      '|',
      '> ',
      '<<: ',
      '\t',
    ),
    fc.constantFrom('null', '~', '.inf', '0x10', '1e99', '-1', 'true', '__proto__', 'constructor', '\u0000', '\uD800'),
    fc.constantFrom('4GiB', '100%', '300ms', '25Gbit/s', 'full', '999999999999TiB', '0', '-0', 'memory: 1GiB'),
    fc.string({ unit: 'binary', maxLength: 6 }),
  );
  const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), drop: fc.nat(12), insert: snippets });

  it('gives an experiment, or problems with a place, and never throws', () => {
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.array(edit, { minLength: 1, maxLength: 4 }), (text, edits) => {
        let damaged = text;
        for (const { at, drop, insert } of edits) {
          const from = Math.floor(at * damaged.length);
          damaged = damaged.slice(0, from) + insert + damaged.slice(from + drop);
        }
        expectPlaced(damaged, parse(damaged));
      }),
      { numRuns: 600 },
    );
  });

  it('is judged without an exception, whatever value stands in the place of another', () => {
    const everything = parse(valid.find(({ name }) => name === 'everything.yaml')!.text);
    if (!everything.ok) throw new Error('everything.yaml is valid');
    const fields = experimentFields(everything.experiment);
    const paths: (string | number)[][] = [];
    const collect = (value: unknown, path: (string | number)[]): void => {
      if (path.length > 0) paths.push(path);
      if (Array.isArray(value)) for (const [i, item] of value.entries()) collect(item, [...path, i]);
      else if (typeof value === 'object' && value !== null) {
        for (const [key, item] of Object.entries(value)) collect(item, [...path, key]);
      }
    };
    collect(fields, []);
    const wild = fc.oneof(
      fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 1e300, NaN, '', 'x', '4GiB', '1ns', '100%', '0', [], {}),
      fc.constantFrom<unknown>([[]], { x: 1 }, ['4KiB'], undefined, 'full', '> 0', 12345678901234567890n),
    );
    fc.assert(
      fc.property(fc.constantFrom(...paths), wild, (path, replacement) => {
        const copy = structuredClone(fields) as unknown;
        let at = copy as Record<string | number, unknown>;
        for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
        at[path.at(-1)!] = replacement;
        const result = validateExperiment(copy);
        if (!result.ok) for (const finding of result.findings) expect(finding.message).not.toBe('');
      }),
      { numRuns: 800 },
    );
  });
});
