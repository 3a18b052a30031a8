// A disk that is full while a run is made: a real one, as small as it can be. (test/main/store limits the file instead, where SQLite can
// still write what it has room for.)
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished, vi, type TestContext } from 'vitest';
import { makeRun, type Producer } from '../../../main/runs/makeRun.ts';
import { HEARTBEAT_MS } from '../../../main/store/owner.ts';
import { Store } from '../../../main/store/store.ts';
import { aChunk, aRun, aSummary } from '../store/aRun.ts';

/** Removed when the test ends. */
function aSmallDisk(context: TestContext, size: string): string {
  const disk = mkdtempSync(join(tmpdir(), 'brownout-disk-'));
  let mounted = true;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    mounted = false;
  }
  onTestFinished(() => {
    if (mounted) execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });
  context.skip(!mounted, 'a small disk cannot be mounted here');
  return disk;
}

function fill(disk: string): string {
  const file = join(disk, 'others');
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(file, Buffer.alloc(bavail * bsize));
  return file;
}

it('a disk that fills up ends the run in plain words; what was kept is whole, and the run is marked when there is room again', async (context) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const disk = aSmallDisk(context, '2m');
  const file = join(disk, 'runs.db');
  const store = new Store(file);
  const { head, ...request } = aRun('before', 8);
  const noise = (from: number): ReturnType<typeof aChunk> => {
    const chunk = aChunk(from, 4096, 8);
    for (const [c, column] of chunk.columns.entries())
      for (let i = 0; i < 4096; i++) column[i] = Math.sin(from + i * (c + 1));
    return chunk;
  };
  const making =
    (chunks: number, then: () => void = () => undefined): Producer =>
    (sink) => {
      sink.head(head);
      for (let i = 0; i < chunks; i++) sink.samples(noise(i * 4096));
      then();
      sink.finished(aSummary(), [], 'abc');
      return Promise.resolve();
    };
  const finished = await makeRun(store, request, making(1));
  let others = '';
  const broken = makeRun(
    store,
    { ...request, name: 'too late' },
    making(2, () => (others = fill(disk))),
  );
  await expect(broken).rejects.toThrow(
    `the disk is full: nothing more can be kept in ${file} (what was kept before is safe)`,
  );
  expect(store.run(finished).row).toMatchObject({ status: 'finished', hash: 'abc' });
  expect(store.samples(finished, 0)).toEqual(noise(0).columns[0]);
  // Nothing can be written, not even that.
  const late = finished + 1;
  expect(store.run(late).row.status).toBe('running');
  vi.advanceTimersByTime(HEARTBEAT_MS);
  expect(store.run(late).row.status).toBe('running');
  rmSync(others);
  vi.advanceTimersByTime(HEARTBEAT_MS);
  expect(store.run(late).row).toMatchObject({
    status: 'failed',
    failure: expect.stringContaining('the disk is full') as string,
  });
  expect(vi.getTimerCount()).toBe(0);
  expect((await makeRun(store, request, making(1))) > late).toBe(true);
  store.close();
  const db = new Database(file, { readonly: true });
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  db.close();
});

it('a store on a disk that is full says that, and not that it is damaged', (context) => {
  const disk = aSmallDisk(context, '1m');
  const file = join(disk, 'runs.db');
  new Store(file).close();
  fill(disk);
  expect(() => new Store(file).begin(aRun('x'))).toThrow('the disk is full');
  expect(() => new Store(join(disk, 'other.db'))).toThrow('the disk is full');
});
