import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Store } from '../../../main/store/store.ts';
import { aFolder } from '../aFolder.ts';
import { aChunk, anEvent, aRun, aSummary } from '../store/aRun.ts';
import { inProcess } from './aTerminal.ts';
import { brownout } from './brownout.ts';

function aStoreOf(names: readonly string[]): string {
  const file = join(aFolder(), 'runs.db');
  const store = new Store(file);
  for (const name of names) {
    const writer = store.begin(aRun(name));
    writer.samples(aChunk(0, 50));
    writer.event(anEvent(20_000_000));
    writer.finish(aSummary(), [], 'abc');
  }
  store.close();
  return file;
}

describe('brownout export', () => {
  it('writes each run into a folder that it makes, named after the run, and says where', async () => {
    const db = aStoreOf(['One', '../two']);
    const folder = join(aFolder(), 'new');
    const { code, stdout } = await inProcess(['export', '1', '2', '-f', 'csv', '-o', folder, '--db', db]);
    expect(code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['run-1-one.csv', 'run-2-two.csv']);
    expect(stdout).toBe(`${join(folder, 'run-1-one.csv')}\n${join(folder, 'run-2-two.csv')}\n`);
  });

  it('writes several runs into one file where the table holds several', async () => {
    const db = aStoreOf(['One', 'Two']);
    const file = join(aFolder(), 'all.csv');
    expect((await inProcess(['export', '1', '2', '-f', 'csv', '--table', 'runs', '-o', file, '--db', db])).code).toBe(
      0,
    );
    expect(
      readFileSync(file, 'utf8')
        .split('\r\n')
        .map((line) => line.split(',')[2]),
    ).toEqual(['name', 'One', 'Two', undefined]);
  });

  it('to standard output gives the bytes and nothing else', async () => {
    const db = aStoreOf(['One']);
    const { code, stdout, stderr } = await brownout(['export', '1', '-f', 'csv', '-o', '-', '--db', db]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\r\n')).toHaveLength(52);
  });

  it('replaces no file without --force; the other files are written', async () => {
    const db = aStoreOf(['One', 'Two']);
    const folder = aFolder();
    await inProcess(['export', '1', '-f', 'json', '-o', `${folder}/`, '--db', db]);
    const again = await inProcess(['export', '1', '2', '-f', 'json', '-o', folder, '--db', db]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('is there already; --force replaces it');
    expect(readdirSync(folder).sort()).toEqual(['run-1-one.json', 'run-2-two.json']);
    expect((await inProcess(['export', '1', '-f', 'json', '-o', folder, '--force', '--db', db])).code).toBe(0);
  });

  describe('says what is wrong, and writes nothing, when', () => {
    it.each([
      ['the format is missing', ['1'], 'brownout: --format is missing: csv, csv-long, json, parquet, arrow, perfetto'],
      ['the format is misspelt', ['1', '-f', 'parket'], 'brownout: --format parket: did you mean parquet?'],
      ['the table is none', ['1', '-f', 'csv', '--table', 'event'], 'brownout: --table event: did you mean events?'],
      [
        'format and table do not go together',
        ['1', '-f', 'json', '--table', 'events'],
        'brownout: json holds whole runs; tables (samples, long, events, runs) are of csv, parquet and arrow',
      ],
      ['there is no such run', ['1', '9', '-f', 'csv'], 'there is no run 9'],
      ['it is a page to read', ['1', '2', '-f', 'pdf'], 'brownout report 1 2 -o report.pdf writes it'],
      ['the number is none', ['x', '-f', 'csv'], 'brownout: x is not the number of a run; brownout list shows them'],
    ])('%s', async (_, args, message) => {
      const folder = aFolder();
      const { code, stdout, stderr } = await inProcess(['export', ...args, '-o', folder, '--db', aStoreOf(['One'])]);
      expect(stderr).toContain(message);
      expect([code === 0, stdout]).toEqual([false, '']);
      expect(readdirSync(folder)).toEqual([]);
    });
  });
});
