// Guarded processes and folders end with their owner, and with their guard.

import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeGuardedFolder, startGuarded } from '../../../main/qemu/guard.ts';
import { eventually, processesWith } from './support.ts';

/** A command line that no other process has. */
const unlike = (): string => `3${Math.floor(performance.now() * 1e6)}.${process.pid}`;

describe('guarded process', () => {
  it('gets connected sockets as descriptors 3, 4 and can talk over them', async () => {
    const guarded = await startGuarded('sh', ['-c', 'cat <&3 >&4'], 2);
    const [one, two] = guarded.streams;
    one!.end('hello');
    let heard = '';
    for await (const chunk of two!) heard += String(chunk);
    expect(heard).toBe('hello');
    expect((await guarded.end()).code).toBe(0);
  });

  it('is killed at once and waited for by end()', async () => {
    const seconds = unlike();
    const guarded = await startGuarded('sleep', [seconds], 0);
    expect(await eventually(() => processesWith(`sleep ${seconds}`).length > 0, 5000)).toBe(true);
    await guarded.end();
    expect(processesWith(seconds)).toEqual([]);
  });

  it('is killed when its guard is killed', async () => {
    const seconds = unlike();
    const guarded = await startGuarded('sleep', [seconds], 0);
    expect(
      await eventually(
        () => processesWith(`sleep ${seconds}`).some(({ command }) => command.startsWith('sleep')),
        5000,
      ),
    ).toBe(true);
    process.kill(guarded.pid, 'SIGKILL');
    expect(
      await eventually(() => !processesWith(seconds).some(({ command }) => command.startsWith('sleep')), 5000),
    ).toBe(true);
    await guarded.end();
  });

  /** Its guard remains, and names the whole command line. */
  const ended = (token: string): Promise<boolean> =>
    eventually(() => processesWith(token).every(({ command }) => command.includes('brownout-guard')), 5000);

  it('tells the exit code and what was written to standard error', async () => {
    const token = unlike();
    const guarded = await startGuarded('sh', ['-c', 'echo broken >&2; exit 3', token], 0);
    expect(await eventually(() => guarded.stderr().includes('broken'), 5000)).toBe(true);
    expect(await ended(token)).toBe(true);
    expect((await guarded.end()).code).toBe(3);
  });

  it('says 127 for a command that is not there', async () => {
    const token = unlike();
    const guarded = await startGuarded('/nonexistent/qemu', [token], 0);
    expect(await eventually(() => /not found|No such file/.test(guarded.stderr()), 5000)).toBe(true);
    expect(await ended(token)).toBe(true);
    expect((await guarded.end()).code).toBe(127);
  });
});

describe('guarded folder', () => {
  it('belongs to this user alone and goes with everything in it', async () => {
    const folder = await makeGuardedFolder();
    expect(statSync(folder.path).mode & 0o777).toBe(0o700);
    writeFileSync(join(folder.path, 'file'), 'x');
    await folder.end();
    expect(existsSync(folder.path)).toBe(false);
  });

  it('is removed at its end and not before, whatever signal its guard gets', async () => {
    const folder = await makeGuardedFolder();
    const guard = processesWith(folder.path)[0]!;
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.kill(guard.pid, signal);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(existsSync(folder.path)).toBe(true);
    await folder.end();
    expect(existsSync(folder.path)).toBe(false);
  });

  it('says why it cannot be made', async () => {
    await expect(makeGuardedFolder('/nonexistent')).rejects.toThrow('cannot make the folder');
  });
});
