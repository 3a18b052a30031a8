// What of QEMU there is on this machine, found out by trying it.
//
// "kvm" in QEMU's list and an openable /dev/kvm do not mean that a guest runs (nested and filtered virtualisation), so
// each accelerator is tried with our own guest for a moment.

import { execFile } from 'node:child_process';
import { access, constants, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { QemuError } from './errors.ts';
import { makeGuardedFolder } from './guard.ts';
import { missingMessage, startMachine, type Accelerator } from './machine.ts';
import { PAGE_SIZE } from '../../engine/core/units.ts';
import { FIRST_FREE_PAGE, guestImage } from './program.ts';

export interface AcceleratorCheck {
  readonly name: Accelerator;
  readonly works: boolean;
  /** What was seen, in one sentence. */
  readonly detail: string;
}

export interface QemuCheck {
  readonly binary: string;
  readonly found: boolean;
  /** For example "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)"; '' where QEMU was not found. */
  readonly version: string;
  readonly accelerators: readonly AcceleratorCheck[];
  /** Whether runs with `backend: qemu` are possible. */
  readonly usable: boolean;
  readonly message: string;
}

const VERSION_TIMEOUT_MS = 10_000;
const BOOT_TIMEOUT_MS = 5000;
const PROBE_MEMORY_BYTES = 64 * 2 ** 20;
const ACCELERATORS: readonly Accelerator[] = ['tcg', 'kvm'];

/** BROWNOUT_QEMU, or the name that distributions give it. */
export const qemuBinary = (): string => process.env['BROWNOUT_QEMU'] ?? 'qemu-system-x86_64';

export async function qemuCheck(options: { binary?: string; signal?: AbortSignal } = {}): Promise<QemuCheck> {
  const binary = options.binary ?? qemuBinary();
  const missing = (message: string): QemuCheck => ({
    binary,
    found: false,
    version: '',
    accelerators: [],
    usable: false,
    message,
  });
  if (process.platform === 'win32')
    return missing('The QEMU backend needs Linux (or another system with /bin/sh and socket pairs).');
  let version: string;
  try {
    version = await qemuVersion(binary);
  } catch (error) {
    return missing((error as Error).message);
  }
  const accelerators: AcceleratorCheck[] = [];
  for (const name of ACCELERATORS) accelerators.push(await tryAccelerator(binary, name, options.signal));
  const working = accelerators.filter((accelerator) => accelerator.works).map(({ name }) => name.toUpperCase());
  return {
    binary,
    found: true,
    version,
    accelerators,
    usable: working.length > 0,
    message:
      working.length > 0
        ? `QEMU ${version} runs our guest with ${working.join(' and ')}.`
        : `QEMU ${version} is there, but our guest runs with no accelerator.`,
  };
}

export async function qemuVersion(binary: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(binary, ['--version'], { timeout: VERSION_TIMEOUT_MS });
    const match = /version (\d+\.\d+\.\d+\S*)(?: \(([^)]*)\))?/.exec(stdout);
    if (match === null) throw new QemuError('missing', `${binary} --version does not answer like QEMU`);
    return match[2] === undefined ? match[1]! : `${match[1]!} (${match[2]})`;
  } catch (error) {
    if (error instanceof QemuError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new QemuError('missing', missingMessage(binary));
    throw new QemuError('missing', `${binary} --version failed: ${(error as Error).message}`, { cause: error });
  }
}

const probes = new Map<string, Promise<AcceleratorCheck>>();

/** `auto` is KVM where a guest really runs with it, else TCG. Each is tried once in the life of this process. */
export async function resolveAccelerator(
  binary: string,
  wanted: 'auto' | Accelerator,
  signal?: AbortSignal,
): Promise<Accelerator> {
  if (wanted !== 'auto') return wanted;
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'tcg';
  }
  let probe = probes.get(binary);
  if (probe === undefined) {
    probe = tryAccelerator(binary, 'kvm', signal);
    probes.set(binary, probe);
    probe.catch(() => probes.delete(binary));
  }
  return (await probe).works ? 'kvm' : 'tcg';
}

/** Boots the guest and waits for two reports with a moving clock and moving writes. */
async function tryAccelerator(binary: string, name: Accelerator, signal?: AbortSignal): Promise<AcceleratorCheck> {
  const folder = await makeGuardedFolder();
  const image = join(folder.path, 'guest.bin');
  const startedAt = performance.now();
  try {
    const phase = { durationMs: 0, pattern: 'uniform', firstPage: FIRST_FREE_PAGE, pages: 1024 } as const;
    await writeFile(
      image,
      guestImage({
        machine: 'pc',
        memoryPages: PROBE_MEMORY_BYTES / PAGE_SIZE,
        fillFirstPage: FIRST_FREE_PAGE,
        fillPages: 1024,
        seed: 1,
        reportMs: 50,
        flushTlb: true,
        vcpus: [[{ ...phase, writesPerSecond: 10_000, catchUpMs: 20 }]],
      }),
    );
    const machine = await startMachine(
      {
        binary,
        accelerator: name,
        machine: 'pc',
        memoryBytes: PROBE_MEMORY_BYTES,
        vcpus: 1,
        dirtyRingEntries: null,
        image,
        incoming: false,
        startStopped: false,
        trace: [],
      },
      signal && { signal },
    );
    try {
      // KVM stops the machine where it cannot go on ("internal error"): no need to wait then.
      const stopped = new AbortController();
      machine.qmp.onEvent(({ name: event }) => {
        if (event === 'STOP') stopped.abort();
      });
      const alive = await machine.reports.until(
        ({ all }) => all.length >= 3 && all.at(-1)!.writes > all.at(-2)!.writes,
        BOOT_TIMEOUT_MS,
        signal === undefined ? stopped.signal : AbortSignal.any([signal, stopped.signal]),
      );
      signal?.throwIfAborted();
      if (alive) {
        const bootMs = Math.round((machine.reports.filledAtMs ?? startedAt) - startedAt);
        return { name, works: true, detail: `the guest ran after ${bootMs} ms` };
      }
      const what = stopped.signal.aborted ? 'the guest stopped' : `no guest ran within ${BOOT_TIMEOUT_MS / 1000} s`;
      const said = machine.stderr().split('\n');
      const why = said.find((line) => /error/i.test(line)) ?? said.find((line) => line !== '');
      return { name, works: false, detail: why === undefined ? what : `${what}: ${why.trim()}` };
    } finally {
      await machine.end();
    }
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return { name, works: false, detail: (error as Error).message };
  } finally {
    await folder.end();
  }
}
