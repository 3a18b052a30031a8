// docs/experiment-file.md is current: its tables are those of the schema, and its examples are experiments.
// UPDATE_DOCS=1 writes the tables anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../../engine/experiment/parse.ts';
import { planSweep } from '../../engine/experiment/sweep.ts';
import { SECTIONS, sectionsOf, withTables } from './fieldtables.ts';

const file = new URL('../../docs/experiment-file.md', import.meta.url);

describe('docs/experiment-file.md', () => {
  it('has a table for every section', () => {
    const order = (a: string, b: string): number => (a < b ? -1 : 1);
    expect(sectionsOf(readFileSync(file, 'utf8')).sort(order)).toEqual([...SECTIONS].sort(order));
  });

  it('has the tables of the schema (UPDATE_DOCS=1 writes them anew)', () => {
    const page = readFileSync(file, 'utf8');
    const current = withTables(page);
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, current);
    else expect(page).toBe(current);
  });

  it('shows experiments that are valid', () => {
    const shown = [...readFileSync(file, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
    expect(shown.length).toBeGreaterThan(3);
    for (const text of shown) {
      const whole = text.includes('name:') && text.includes('guest:');
      const tried = whole ? text : `name: x\nguest: {memory: 16GiB}\n${text}`;
      const result = parseExperiment(tried, { fileName: 'experiment-file.md' });
      expect(result.ok ? [] : result.problems).toEqual([]);
    }
  });
});

it('docs/sweeps.md shows sweeps that are valid', () => {
  const page = readFileSync(new URL('../../docs/sweeps.md', import.meta.url), 'utf8');
  const shown = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
  expect(shown.length).toBeGreaterThan(0);
  for (const text of shown) {
    const result = planSweep(text, { fileName: 'sweeps.md' });
    expect(result.ok ? [] : result.problems).toEqual([]);
  }
});
