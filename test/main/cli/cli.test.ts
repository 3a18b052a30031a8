import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { Store } from '../../../main/store/store.ts';
import { aFolder } from '../aFolder.ts';
import { aChunk, anEvent, aRun, aSummary } from '../store/aRun.ts';
import { brownout, ROOT } from './brownout.ts';

const HOSTILE = '\u001b]0;owned\u0007\u001b[2J\r\nKept as run 99 \u202egnp.exe ' + '長い名前'.repeat(40);
// eslint-disable-next-line no-control-regex
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/u;

function aStoreFile(names: readonly string[]): string {
  const file = join(aFolder(), 'runs.db');
  const store = new Store(file);
  for (const name of names) {
    const writer = store.begin(aRun(name));
    writer.samples(aChunk(0, 500));
    writer.event({ ...anEvent(4_000_000_000, name), kind: 'stop' });
    const lost = { cause: name, eventIndex: 0, writers: [name], pages: 3, runs: [[1, 3]] as const };
    writer.finish(
      aSummary({ reason: name, losses: [lost], pages: { ...aSummary().pages, lost: 3 } }),
      [{ path: 'expect.lost', expected: '0', actual: '3', met: false }],
      'abc',
    );
  }
  store.close();
  return file;
}

describe('brownout', () => {
  it('without a command says how it is used, and that is wrong input', async () => {
    const { code, stdout, stderr } = await brownout([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^usage: brownout COMMAND/);
  });

  it.each([['--help'], ['-h'], ['help']])('%s lists the commands on standard output', async (word) => {
    const { code, stdout, stderr } = await brownout([word]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of ['run FILE', 'list', 'show ID', 'schema']) expect(stdout).toContain(`  ${command}`);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('--version tells the version of the package', async () => {
    expect((await brownout(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [['lst'], 'there is no command lst; did you mean list?'],
    [['__proto__'], 'there is no command __proto__; brownout --help lists the commands'],
    [['list', '--jsn'], 'unknown option --jsn; did you mean --json?'],
    [['list', '--json=1'], '--json takes no value'],
    [['list', '--db'], '--db needs a value: --db FILE'],
    [['list', '--db', '/nowhere/at/all.db'], 'there is no file /nowhere/at/all.db'],
    [['list', '--sort', 'downtim'], '--sort downtim: did you mean downtime?'],
    [['list', '--limit', '-1'], '--limit is -1, expected a whole number from 0 to 1000000000'],
    [['list', '--limit', 'many'], '--limit is many, expected a whole number from 0 to 1000000000'],
    [['list', 'lsot > 0'], "the filter: there is no column 'lsot'\n    lsot > 0\n    ^^^^\n    Did you mean lost?"],
    [
      ['list', 'downtime', '<'],
      'the filter: expected a value of downtime\n    downtime <\n              ^\n    For example: 300ms',
    ],
    [['list', '--sort', 'guest.memry'], '--sort guest.memry: did you mean guest.memory?'],
    [['show'], 'something is missing: brownout show ID|FILE'],
    [['show', '1', '2'], '2 is one too many: brownout show ID|FILE'],
    [['show', 'first'], 'first is not the number of a run; brownout list shows them'],
    [['run', '--seed', '4294967296', 'x'], '--seed is 4294967296, expected a whole number from 0 to 4294967295'],
    [['run', '--seed', '1', '--seed', '2', 'x'], '--seed is given twice'],
    [['run', 'nowhere.yaml'], 'nowhere.yaml: there is no such file'],
    [['run', 'main'], 'main is a folder, expected an experiment file'],
    [['run', '\u001b[2J'], '\\u{1b}[2J: there is no such file'],
  ])('%j is wrong input: %s', async (args, message) => {
    const { code, stdout, stderr } = await brownout(args, { env: { BROWNOUT_DB: join(aFolder(), 'none.db') } });
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: `brownout: ${message}\n` });
  });

  it('schema prints the JSON Schema of experiment files', async () => {
    const { code, stdout } = await brownout(['schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', required: expect.arrayContaining(['name']) as unknown });
  });
});

describe('list and show', () => {
  it('with nothing kept say so, without making a file', async () => {
    const env = { BROWNOUT_DB: join(aFolder(), 'none.db') };
    expect(await brownout(['list'], { env })).toMatchObject({ code: 0, stdout: '' });
    expect((await brownout(['list', '--json'], { env })).stdout).toBe('{\n  "runs": []\n}\n');
    expect(await brownout(['show', '1'], { env })).toMatchObject({
      code: 2,
      stderr: 'brownout: no runs are kept yet\n',
    });
  });

  it('fit 80 columns', async () => {
    const db = aStoreFile(['short', 'a name of a hundred characters and more '.repeat(4), HOSTILE]);
    for (const args of [['list'], ['show', '1'], ['show', '2'], ['show', '3']]) {
      const { stdout, code } = await brownout([...args, '--db', db]);
      expect(code).toBe(0);
      for (const line of stdout.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(80);
    }
  });

  it('show the verdict first, a loss before all else, what it rests on, and the dirty rate over time', async () => {
    const { stdout } = await brownout(['show', '1', '--db', aStoreFile(['a name'])]);
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'a name',
      '',
      expect.stringMatching(/^3 pages lost \(12 KiB\)\. Completed in 4 rounds/) as unknown,
    ]);
    expect(stdout).toMatch(/downtime +212 ms +final sync 12 ms \+ remaining pages 200 ms/);
    expect(stdout).toMatch(/lost +3 pages, 12 KiB/);
    expect(stdout).toMatch(/expected +expect\.lost 0: NOT met: 3/);
    expect(stdout).toMatch(/nic0 +[ ▁▂▃▄▅▆▇█]+ +1\.10k pages\/s/);
    expect(stdout).toMatch(/↑migration starts +↑stop/);
    expect(stdout).toMatch(/hash abc/);
  });

  it('show --experiment gives the file back', async () => {
    const db = aStoreFile(['a name']);
    expect((await brownout(['show', '1', '--experiment', '--db', db])).stdout).toBe('name: a name\n');
  });

  it('show --json gives everything as one document', async () => {
    const db = aStoreFile([HOSTILE]);
    const { stdout } = await brownout(['show', '1', '--json', '--db', db]);
    const document = JSON.parse(stdout) as { timesNs: number[]; series: { values: number[] }[]; events: unknown[] };
    expect(document).toMatchObject({ run: { id: 1, name: HOSTILE, status: 'finished' }, summary: { rounds: 4 } });
    expect(document.timesNs).toEqual([...aChunk(0, 500).timesNs]);
    expect(document.series[1]?.values).toEqual([...aChunk(0, 500).columns[1]!]);
    expect(document.events).toHaveLength(1);
  });

  it.each([
    [['list']],
    [['list', '--json']],
    [['show', '1']],
    [['show', '1', '--json']],
    [['show', '1', '--experiment']],
  ])('%j shows a hostile name, cause and source harmless', async (args) => {
    const { stdout, stderr } = await brownout([...args, '--db', aStoreFile([HOSTILE])]);
    // The experiment itself goes to a pipe as it was written; a terminal gets it harmless.
    if (args.includes('--experiment')) expect(stdout).toBe(`name: ${HOSTILE}\n`);
    else expect(stdout).not.toMatch(OBEYED);
    expect(stderr).not.toMatch(OBEYED);
  });

  it.each([
    ['that is no store', 'name: x\n', 'is not a store of Brownout and was left untouched'],
    ['that is broken', 'SQLite format 3\0' + 'x'.repeat(5000), 'is not a store of Brownout and was left untouched'],
  ])('a file %s is wrong input', async (_, text, message) => {
    const db = join(aFolder(), 'x.db');
    writeFileSync(db, text);
    const { code, stderr } = await brownout(['list', '--db', db]);
    expect(code).toBe(2);
    expect(stderr).toBe(`brownout: ${db} ${message}\n`);
  });

  it('a reader that goes away is no error', async () => {
    const db = aStoreFile(Array.from({ length: 50 }, (_, i) => `run ${i}`));
    const script = `"${process.execPath}" main/cli/brownout.js show 1 --json --db "${db}" | head -c 10; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script], { cwd: ROOT });
    expect(stdout).toMatch(/^\{\n {2}"forma0\n$/);
    expect(stderr).toBe('');
  });
});
