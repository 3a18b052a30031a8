// What the tests of the QEMU backend share: whether QEMU is here, experiments, a sink that keeps everything, processes.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseExperiment } from '../../../engine/experiment/parse.ts';
import type { ExpectResult, RunEvent, RunHead, RunSink, Summary } from '../../../engine/experiment/result.ts';
import type { Experiment } from '../../../engine/experiment/schema.ts';
import { makeGuardedFolder } from '../../../main/qemu/guard.ts';
import { startMachine, type Machine } from '../../../main/qemu/machine.ts';
import { FIRST_FREE_PAGE, guestImage, type GuestProgram, type WritePhase } from '../../../main/qemu/program.ts';

export const QEMU = process.env['BROWNOUT_QEMU'] ?? 'qemu-system-x86_64';
/** Why the tests with a real QEMU cannot run here, or '' when they can. */
export const noQemu = ((): string => {
  try {
    execFileSync(QEMU, ['--version'], { stdio: 'ignore' });
    return '';
  } catch {
    return `${QEMU} is not installed (apt-get install qemu-system-x86)`;
  }
})();
if (noQemu !== '') console.warn(`skipped: ${noQemu}`);

export function experimentOf(text: string): Experiment {
  const parsed = parseExperiment(text, { fileName: 'test.yaml' });
  if (!parsed.ok) throw new Error(parsed.problems.map((problem) => problem.message).join('\n'));
  return parsed.experiment;
}

type Fields = Readonly<Record<string, unknown>>;
/** A guest of 64 MiB that writes 4 MiB of it uniformly; the migration takes less than a second. As a file's text. */
export const smallGuestText = (
  over: { migration?: Fields; workload?: Fields; qemu?: Fields; guest?: Fields } = {},
): string => {
  const workload = { name: 'db', pattern: 'uniform', region: { size: '4MiB' }, rate: '5000 pages/s', ...over.workload };
  return JSON.stringify({
    name: 'small guest',
    backend: 'qemu',
    qemu: { accelerator: 'tcg', memory_limit: '1GiB', ...over.qemu },
    guest: { memory: '64MiB', populated: '50%', workloads: [workload], ...over.guest },
    migration: { start: '300ms', bandwidth: '64MiB/s', downtime_limit: '100ms', timeout: '20s', ...over.migration },
  });
};
export const smallGuest = (over: Parameters<typeof smallGuestText>[0] = {}): Experiment =>
  experimentOf(smallGuestText(over));

export class KeepingSink implements RunSink {
  headKept: RunHead | undefined;
  readonly times: number[] = [];
  readonly columns = new Map<string, number[]>();
  readonly events: RunEvent[] = [];
  summary: Summary | undefined;
  expect: readonly ExpectResult[] = [];
  hash = '';

  head(head: RunHead): void {
    this.headKept = head;
    for (const { id } of head.series) this.columns.set(id, []);
  }

  samples(chunk: Parameters<RunSink['samples']>[0]): void {
    if (chunk.firstIndex !== this.times.length) throw new Error('a chunk is missing');
    this.times.push(...chunk.timesNs);
    [...this.columns.values()].forEach((column, i) => {
      column.push(...chunk.columns[i]!);
    });
  }

  event(event: RunEvent): void {
    this.events.push(event);
  }

  finished(summary: Summary, expect: readonly ExpectResult[], hash: string): void {
    this.summary = summary;
    this.expect = expect;
    this.hash = hash;
  }

  column(id: string): number[] {
    const column = this.columns.get(id);
    if (column === undefined) throw new Error(`no series ${id}`);
    return column;
  }

  kinds(kind: RunEvent['kind']): RunEvent[] {
    return this.events.filter((event) => event.kind === kind);
  }
}

export const uniform: WritePhase = {
  durationMs: 0,
  pattern: 'uniform',
  firstPage: FIRST_FREE_PAGE,
  pages: 1024,
  writesPerSecond: 20_000,
  catchUpMs: 20,
};
export const aProgram = (phases: readonly WritePhase[], over: Partial<GuestProgram> = {}): GuestProgram => ({
  machine: 'pc',
  memoryPages: (64 * 2 ** 20) / 4096,
  fillFirstPage: FIRST_FREE_PAGE,
  fillPages: 4096,
  seed: 7,
  reportMs: 50,
  flushTlb: true,
  vcpus: [phases],
  ...over,
});

export interface BootedGuest extends Machine {
  /** These RAM pages as they are now; the machine is paused for the moment. */
  readonly pages: (first: number, count: number) => Promise<Buffer[]>;
}

/** Boots the program in a 64 MiB machine, waits until its memory is filled, and ends it afterwards. */
export async function withGuest<T>(program: GuestProgram, use: (guest: BootedGuest) => Promise<T>): Promise<T> {
  const folder = await makeGuardedFolder();
  try {
    const image = join(folder.path, 'guest.bin');
    await writeFile(image, guestImage(program));
    const machine = await startMachine({
      ...{
        binary: QEMU,
        accelerator: 'tcg',
        machine: program.machine,
        memoryBytes: program.memoryPages * 4096,
        vcpus: program.vcpus.length,
        image,
        dirtyRingEntries: null,
      },
      ...{ incoming: false, startStopped: false, trace: [] },
    });
    try {
      if (!(await machine.reports.until(({ filledAtMs }) => filledAtMs !== undefined, 20_000)))
        throw new Error(`the guest did not start: ${machine.stderr()}`);
      const pages = async (first: number, count: number): Promise<Buffer[]> => {
        const file = join(folder.path, 'memory');
        await machine.qmp.execute('stop');
        await machine.qmp.execute('pmemsave', { val: first * 4096, size: count * 4096, filename: file });
        await machine.qmp.execute('cont');
        const bytes = readFileSync(file);
        return Array.from({ length: count }, (_, i) => bytes.subarray(i * 4096, (i + 1) * 4096));
      };
      return await use({ ...machine, pages });
    } finally {
      await machine.end();
    }
  } finally {
    await folder.end();
  }
}

/** Processes whose command line or working folder mentions `needle`, this one left out. */
export function processesWith(needle: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      // A zombie has no command line and no executable: its parent has not looked yet.
      readlinkSync(`/proc/${name}/exe`);
      if (command.includes(needle)) found.push({ pid: Number(name), command });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** Folders of QEMU runs that are left in `parent`. */
export const runFolders = (parent: string = tmpdir()): string[] =>
  readdirSync(parent).filter((name) => name.startsWith('brownout-qemu-'));

export async function eventually(condition: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}
