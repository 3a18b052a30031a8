// Deliberately broken files, each with the problems it must get: line, column, path and message, complete and in order.
// expected.json was written by hand-checking every message; a changed message is checked by hand again.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../../../engine/experiment/parse.ts';

const folder = new URL('../../fixtures/experiments/broken/', import.meta.url);
const expected = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8')) as Record<
  string,
  [line: number, column: number, path: string, message: string][]
>;
const files = readdirSync(folder).filter((name) => name !== 'expected.json');

function problemsOf(text: string, fileName = 'x.yaml'): string[] {
  const result = parseExperiment(text, { fileName });
  return result.ok ? [] : result.problems.map((p) => `${p.file}:${p.line}:${p.column} ${p.path}: ${p.message}`);
}

describe('broken experiment files', () => {
  it('are at least forty-five, each with its expected problems', () => {
    expect(files.length).toBeGreaterThanOrEqual(45);
    expect(Object.keys(expected).sort((a, b) => (a < b ? -1 : 1))).toEqual(files.sort((a, b) => (a < b ? -1 : 1)));
  });

  it.each(files)('%s gets its own right message', (file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const wanted = expected[file]!.map(
      ([line, column, path, message]) => `${file}:${line}:${column} ${path}: ${message}`,
    );
    expect(wanted.length).toBeGreaterThan(0);
    expect(problemsOf(text, file)).toEqual(wanted);
  });
});

describe('limits of the file itself', () => {
  const smallest = 'name: Broken\nguest: {memory: 1GiB}\n';

  it('refuses more than 1 MiB without reading it', () => {
    const text = `${smallest}notes: ${'x'.repeat(1 << 20)}\n`;
    expect(problemsOf(text)).toEqual(['x.yaml:1:1 : the file has 1048619 bytes, at most 1048576 (1 MiB) are read']);
    // Bytes of UTF-8 count, not characters.
    expect(problemsOf(`${smallest}notes: ${'ä'.repeat(600_000)}\n`)[0]).toContain('at most 1048576');
  });

  it('says that an empty file is empty', () => {
    for (const text of ['', '\n', '# only a comment\n', '---\n...\n', 'null']) {
      expect(problemsOf(text)).toEqual(['x.yaml:1:1 : the file is empty']);
    }
  });

  it('refuses depth that would overflow the stack, fast', () => {
    for (const text of [
      '['.repeat(200_000),
      '{a: '.repeat(100_000),
      '- '.repeat(300_000),
      `a: ${'? '.repeat(100_000)}`,
    ]) {
      expect(problemsOf(text)[0]).toMatch(/nested deeper than 32|not readable/);
    }
  });

  it('accepts a byte-order mark and Windows line ends, with right positions', () => {
    expect(problemsOf(`\uFEFF${smallest}`)).toEqual([]);
    expect(problemsOf('name: x\r\nguest:\r\n  memory: 16G\r\n')[0]).toMatch(/^x\.yaml:3:11 guest\.memory/);
  });

  it('reports at most 100 problems and counts the rest', () => {
    const keys = Array.from({ length: 250 }, (_, i) => `zz${i}: 1\n`).join('');
    const problems = problemsOf(smallest + keys);
    expect(problems).toHaveLength(100);
    expect(problems.at(-1)).toContain('150 more problems');
  });
});
