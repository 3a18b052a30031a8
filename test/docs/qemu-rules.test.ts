// The list of rules and their tests: every rule has one, and every test that is named exists under that title.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const page = readFileSync('docs/validation/qemu-rules.md', 'utf8');
const RULES = 20;
/** `folder/file`: part of a title, up to the end of the cell, the next one, or a bracket. */
const NAMED = /`([a-z]+\/[a-z-]+)`: ([^|;)]+)/gu;

describe('docs/validation/qemu-rules.md', () => {
  it('names a test for every rule', () => {
    const rows = page.split('\n').filter((line) => /^\| *\d+ \|/u.test(line));
    expect(rows.map((row) => Number(row.split('|')[1]))).toEqual(Array.from({ length: RULES }, (_, i) => i + 1));
    for (const row of rows) expect(row).toMatch(NAMED);
  });

  it.each([...page.matchAll(NAMED)].map(([, file, title]) => [file!, title!.replaceAll(/\s+/gu, ' ').trim()]))(
    '%s has a test “%s”',
    (file, title) => {
      const source = readFileSync(`test/engine/${file}.test.ts`, 'utf8');
      const titles = [...source.matchAll(/\bit(?:\.each)?[^'`]*?\(\s*'([^'\n]+)'/gu)].map(([, found]) => found!);
      expect(
        titles.some((found) => found.includes(title)),
        title,
      ).toBe(true);
    },
  );
});
