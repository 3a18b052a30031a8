import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fieldsOf } from '../../../main/runs/fields.ts';
import { Store } from '../../../main/store/store.ts';
import { aFolder } from '../aFolder.ts';
import { aRun, aSummary } from '../store/aRun.ts';
import { brownout } from './brownout.ts';

it('brownout list takes the filters of the app: results, fields of the experiment, words', async () => {
  const db = join(aFolder(), 'runs.db');
  const store = new Store(db);
  for (const [name, memory, lost] of [
    ['small', '1GiB', 0],
    ['large', '4GiB', 3],
    ['large and whole', '4GiB', 0],
  ] as const) {
    const experiment = `name: ${name}\nguest: {memory: ${memory}}\n`;
    const writer = store.begin({ ...aRun(name), experiment, fields: fieldsOf(experiment) });
    writer.finish(aSummary({ pages: { ...aSummary().pages, lost } }), [], 'abc');
  }
  store.close();
  const names = async (...words: string[]): Promise<string[]> => {
    const { code, stdout } = await brownout(['list', ...words, '--db', db, '--json']);
    expect(code).toBe(0);
    return (JSON.parse(stdout) as { runs: { name: string }[] }).runs.map(({ name }) => name);
  };
  expect(await names('memory >= 2GiB and not lost > 0')).toEqual(['large and whole']);
  // Without quotes around the whole, as far as the shell leaves the words alone.
  expect(await names('large', '--sort', 'lost', '--reverse')).toEqual(['large', 'large and whole']);
  expect(await names('--sort', 'memory', '--limit', '1')).toEqual(['small']);
  expect(await names('lost = 3 or name = small')).toEqual(['large', 'small']);
  expect((await brownout(['list', 'lost > 100', '--db', db])).stderr).toContain('No run fits this filter.');
  expect((await brownout(['list', '--columns'])).stdout).toMatch(/^guest\.memory +size/mu);
});
