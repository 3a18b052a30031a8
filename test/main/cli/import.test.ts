// `brownout import` and `brownout qemu check`, as a user calls them.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Store } from '../../../main/store/store.ts';
import { aFolder } from '../aFolder.ts';
import { noQemu } from '../qemu/support.ts';
import { brownout, ROOT } from './brownout.ts';

const FIXTURES = resolve(ROOT, 'test/fixtures/import');
const runsIn = (file: string): { name: string; sourceKind: string; bytesTotal: number | null }[] => {
  const store = new Store(file);
  try {
    return store.list();
  } finally {
    store.close();
  }
};

describe('brownout import', () => {
  it('keeps each run of each file, marked with its source', async () => {
    const db = join(aFolder(), 'runs.db');
    const files = ['../measured/ac-256-uni.json', 'domjobinfo.txt', 'qmp-traffic.log'].map((name) =>
      join(FIXTURES, name),
    );
    const { code, stdout, stderr } = await brownout(['import', '--db', db, ...files]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^run 1: ac-256-uni \(1 of 3\): Completed in 12 rounds[^\n]*\. Blackout 16 ms\.\n/);
    expect(stdout.trim().split('\n')).toHaveLength(5);
    const runs = runsIn(db);
    expect(runs).toHaveLength(5);
    expect(runs.every(({ sourceKind }) => sourceKind === 'import')).toBe(true);
    expect(runs.find(({ name }) => name === 'qmp-traffic.log')?.bytesTotal).toBe(50095354);
    expect((await brownout(['show', '5', '--db', db])).stdout).toMatch(/Whether pages\s+were lost was not checked/);
    expect((await brownout(['show', '1', '--experiment', '--db', db])).stdout).toContain('"config.pattern": "uniform"');
  });

  it('keeps nothing when one of the files is broken, and says where', async () => {
    const folder = aFolder();
    const [db, broken] = [join(folder, 'runs.db'), join(folder, 'broken.log')];
    writeFileSync(broken, '{"return": {}}\n{"return": {"status": "active", "total-time": -1}}\n');
    const { code, stdout, stderr } = await brownout(['import', '--db', db, join(FIXTURES, 'domjobinfo.txt'), broken]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^broken\.log:2: total-time: /);
    expect(runsIn(db)).toEqual([]);
  });

  it.each([
    [['import', '/nowhere/at/all.log'], '/nowhere/at/all.log: cannot be opened (ENOENT)'],
    [['import', '--as', 'guestprf', 'x'], '--as guestprf: did you mean guestperf?'],
    [['qemu', 'run'], 'brownout qemu knows only check, not run'],
  ])('%j is wrong input: %s', async (args, message) => {
    const { code, stderr } = await brownout(args);
    expect({ code, said: stderr.includes(message) }).toEqual({ code: 2, said: true });
  });
});

describe('brownout qemu check', () => {
  it('says where QEMU is missing how to get it', async () => {
    const { code, stdout } = await brownout(['qemu', 'check'], { env: { BROWNOUT_QEMU: '/nonexistent/qemu' } });
    expect(code).toBe(1);
    expect(stdout.replace(/\s+/g, ' ')).toContain('apt-get install qemu-system-x86');
  });

  it.skipIf(noQemu !== '')('says which accelerators run a guest', async () => {
    const { code, stdout } = await brownout(['qemu', 'check', '--json']);
    expect(code).toBe(0);
    const found = JSON.parse(stdout) as { usable: boolean; accelerators: { name: string; works: boolean }[] };
    expect(found.usable).toBe(true);
    expect(found.accelerators.map(({ name }) => name)).toEqual(['tcg', 'kvm']);
  });
});

describe('an experiment with backend: qemu', () => {
  it('is wrong input without --allow-qemu, and when QEMU cannot show it', async () => {
    const folder = aFolder();
    const [db, file] = [join(folder, 'runs.db'), join(folder, 'experiment.yaml')];
    const text = 'name: real\nbackend: qemu\nguest: {memory: 64MiB}\n';
    writeFileSync(file, text);
    const refused = await brownout(['run', file, '--db', db]);
    expect({ code: refused.code, said: refused.stderr.includes('--allow-qemu') }).toEqual({ code: 2, said: true });
    writeFileSync(file, `${text}devices: [{name: nic0, type: nic}]\n`);
    const unsupported = await brownout(['run', file, '--db', db, '--allow-qemu']);
    expect({ code: unsupported.code, said: unsupported.stderr.includes('devices: ') }).toEqual({ code: 2, said: true });
    expect(runsIn(db)).toEqual([]);
  });
});
