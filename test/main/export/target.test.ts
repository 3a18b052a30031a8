import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exportFileName } from '../../../main/export/fileName.ts';
import { ExportError, writeFileWhole } from '../../../main/export/target.ts';
import { aFolder } from '../aFolder.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

function* failing(): Generator<Uint8Array> {
  yield bytes('first');
  throw new Error('the store broke');
}

function* endless(): Generator<Uint8Array> {
  for (;;) yield new Uint8Array(64 * 1024);
}

async function trouble(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ExportError) return error.kind;
  return error instanceof Error ? error.message : 'nothing went wrong';
}

describe('a file that is written', () => {
  it('is there whole, and nothing beside it', async () => {
    const folder = aFolder();
    expect(await writeFileWhole(join(folder, 'a.csv'), [bytes('one,'), bytes('two')])).toBe(7);
    expect(readdirSync(folder)).toEqual(['a.csv']);
    expect(readFileSync(join(folder, 'a.csv'), 'utf8')).toBe('one,two');
  });

  it('does not replace another one unless it is told to', async () => {
    const file = join(aFolder(), 'a.csv');
    writeFileSync(file, 'precious');
    expect(await trouble(writeFileWhole(file, [bytes('new')]))).toBe('exists');
    expect(readFileSync(file, 'utf8')).toBe('precious');
    await writeFileWhole(file, [bytes('new')], { force: true });
    expect(readFileSync(file, 'utf8')).toBe('new');
  });

  it('does not replace one that somebody else makes while it is written', async () => {
    const file = join(aFolder(), 'a.csv');
    function* meanwhile(): Generator<Uint8Array> {
      yield bytes('ours');
      writeFileSync(file, 'theirs');
    }
    expect(await trouble(writeFileWhole(file, meanwhile()))).toBe('exists');
    expect(readFileSync(file, 'utf8')).toBe('theirs');
  });

  it('leaves nothing where its source fails, and the old file where there was one', async () => {
    const folder = aFolder();
    expect(await trouble(writeFileWhole(join(folder, 'a.csv'), failing()))).toBe('the store broke');
    expect(readdirSync(folder)).toEqual([]);
    writeFileSync(join(folder, 'a.csv'), 'old');
    expect(await trouble(writeFileWhole(join(folder, 'a.csv'), failing(), { force: true }))).toBe('the store broke');
    expect(readdirSync(folder)).toEqual(['a.csv']);
    expect(readFileSync(join(folder, 'a.csv'), 'utf8')).toBe('old');
  });

  it('leaves nothing when it is interrupted', async () => {
    const folder = aFolder();
    const abort = new AbortController();
    setTimeout(() => {
      abort.abort();
    }, 60);
    expect(await trouble(writeFileWhole(join(folder, 'a.csv'), endless(), { signal: abort.signal }))).toBe(
      'interrupted',
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves nothing when the disk is full', async (context) => {
    const disk = aFolder();
    let mounted = true;
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      mounted = false;
    }
    context.skip(!mounted, 'a small disk cannot be mounted here');
    onTestFinished(() => {
      execFileSync('umount', [disk]);
    });
    expect(await trouble(writeFileWhole(join(disk, 'a.csv'), endless()))).toBe('full');
    expect(readdirSync(disk)).toEqual([]);
  });

  it('has not its name when the process is killed on the way', async () => {
    const folder = aFolder();
    const target = new URL('../../../main/export/target.ts', import.meta.url).href;
    const script = `import { writeFileWhole } from ${JSON.stringify(target)};
      function* slow() { for (let i = 0; i < 4000; i++) { yield new Uint8Array(65536); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5); } }
      await writeFileWhole(${JSON.stringify(join(folder, 'a.csv'))}, slow());`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
    const ended = new Promise((done) => child.once('exit', done));
    const started = (): boolean => readdirSync(folder).length > 0;
    while (!started() && child.exitCode === null) await sleep(10);
    expect(started()).toBe(true);
    child.kill('SIGKILL');
    await ended;
    expect(existsSync(join(folder, 'a.csv'))).toBe(false);
  });

  it('cannot be written into a folder that is not there, nor over one', async () => {
    const folder = aFolder();
    expect(await trouble(writeFileWhole(join(folder, 'no', 'a.csv'), [bytes('x')]))).toBe('unusable');
    mkdirSync(join(folder, 'b'));
    expect(await trouble(writeFileWhole(join(folder, 'b'), [bytes('x')], { force: true }))).toBe('unusable');
  });
});

describe('the name of an exported file', () => {
  it.each([
    ['NIC behind a strict vIOMMU', 'run-7-nic-behind-a-strict-viommu.csv'],
    ['../../etc/passwd', 'run-7-etc-passwd.csv'],
    ['C:\\Windows\\x', 'run-7-c-windows-x.csv'],
    ['CON', 'run-7-con.csv'],
    ['-rf *', 'run-7-rf.csv'],
    ['', 'run-7.csv'],
    ['...', 'run-7.csv'],
    ['a\u0000b\nc\u202egnp.exe', 'run-7-a-b-c-gnp-exe.csv'],
    ['迁移 один', 'run-7-迁移-один.csv'],
  ])('of a run called %j is %s', (name, file) => {
    expect(exportFileName({ id: 7, name }, 'csv')).toBe(file);
  });

  it('is never longer than a file system allows, and never cut within a letter', () => {
    const name = exportFileName({ id: 123_456_789, name: '👩‍👩‍👧‍👦é'.repeat(100) + '你'.repeat(200) }, 'trace.json');
    expect(Buffer.byteLength(name)).toBeLessThan(200);
    expect(Buffer.from(name).toString()).toBe(name);
    expect(exportFileName({ id: 1, name: '你'.repeat(200) }, 'csv')).toBe(`run-1-${'你'.repeat(26)}.csv`);
  });
});
