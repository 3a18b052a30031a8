// One QEMU process with our guest: its command line, its monitor, its serial line.
//
// Monitor and serial line are sockets that QEMU inherits (`-chardev socket,fd=`), so that no socket file exists. The
// process is sandboxed (seccomp: no new programs, no change of user or priorities), reads no configuration of the
// user's and has no device but memory, timers, interrupt controllers and one serial port.

import { QemuError } from './errors.ts';
import { startGuarded, type Exit, type GuardedProcess } from './guard.ts';
import { GuestReports } from './reports.ts';
import { QmpClient, QMP_TIMEOUT_MS } from './qmp.ts';

export type Accelerator = 'tcg' | 'kvm';

export interface MachineOptions {
  readonly binary: string;
  readonly accelerator: Accelerator;
  readonly machine: 'pc' | 'q35';
  readonly memoryBytes: number;
  readonly vcpus: number;
  /** null: the dirty log. */
  readonly dirtyRingEntries: number | null;
  /** Path of the guest image. */
  readonly image: string;
  /** Waits for a migration instead of booting. */
  readonly incoming: boolean;
  /** Stays stopped after the incoming migration until it is told to go on. */
  readonly startStopped: boolean;
  /** Trace points to print on standard error, where this QEMU knows them. */
  readonly trace: readonly string[];
}

export interface Machine {
  readonly qmp: QmpClient;
  readonly reports: GuestReports;
  /** What QEMU last wrote to standard error. */
  stderr(): string;
  readonly exited: Promise<Exit>;
  /** Asks QEMU to quit, then kills it; returns when it is gone. Never throws. */
  end(): Promise<void>;
}

const QUIT_TIMEOUT_MS = 2000;
const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';

export function machineArguments(options: MachineOptions): string[] {
  const args = ['-no-user-config', '-nodefaults', '-display', 'none', '-sandbox', SANDBOX];
  const ring = options.dirtyRingEntries === null ? '' : `,dirty-ring-size=${options.dirtyRingEntries}`;
  args.push('-machine', options.machine, '-accel', options.accelerator === 'tcg' ? 'tcg,thread=multi' : `kvm${ring}`);
  args.push('-m', `${options.memoryBytes / 2 ** 20}M`, '-smp', `${options.vcpus}`, '-kernel', options.image);
  args.push('-chardev', 'socket,id=qmp,fd=3', '-mon', 'chardev=qmp,mode=control');
  args.push('-chardev', 'socket,id=com1,fd=4', '-serial', 'chardev:com1');
  if (options.incoming) args.push('-incoming', 'defer');
  if (options.startStopped) args.push('-S');
  if (options.trace.length > 0) args.push('-msg', 'timestamp=on', ...options.trace.flatMap((name) => ['-trace', name]));
  return args;
}

/** Starts QEMU and waits for its monitor. */
export async function startMachine(
  options: MachineOptions,
  extra: { signal?: AbortSignal; onTrace?: (chunk: Buffer) => void } = {},
): Promise<Machine> {
  const guarded = await startGuarded(options.binary, machineArguments(options), 2, extra.onTrace);
  const [monitor, serial] = guarded.streams;
  const reports = new GuestReports();
  serial!.on('data', (chunk: Buffer) => {
    reports.push(chunk);
  });
  serial!.on('close', () => {
    reports.close();
  });
  try {
    const qmp = await QmpClient.connect(monitor!, {
      timeoutMs: QMP_TIMEOUT_MS,
      ...(extra.signal && { signal: extra.signal }),
    });
    return {
      qmp,
      reports,
      stderr: () => guarded.stderr(),
      exited: guarded.exited,
      end: () => endMachine(qmp, guarded),
    };
  } catch (error) {
    await guarded.end();
    throw explainStart(error as Error, guarded.stderr(), await guarded.exited, options.binary);
  }
}

async function endMachine(qmp: QmpClient, guarded: GuardedProcess): Promise<void> {
  try {
    await qmp.execute('quit', {}, { timeoutMs: QUIT_TIMEOUT_MS });
    await qmp.closed;
  } catch {
    // Gone already, or deaf: the guard kills it.
  }
  qmp.close();
  await guarded.end();
}

/** The shell's exit codes 126 and 127: found but not executable, not found. */
function explainStart(error: Error, stderr: string, exit: Exit, binary: string): Error {
  if (!(error instanceof QemuError)) return error;
  if (exit.code === 127 || exit.code === 126) return new QemuError('missing', missingMessage(binary), { cause: error });
  const said = stderr.trim().split('\n').slice(-3).join(' / ');
  return new QemuError(error.kind, said === '' ? error.message : `${binary} did not start: ${said}`, { cause: error });
}

export function missingMessage(binary: string): string {
  return (
    `${binary} was not found. The QEMU backend needs it: on Debian and Ubuntu \`apt-get install qemu-system-x86\`, ` +
    'on Fedora `dnf install qemu-system-x86`, on Arch `pacman -S qemu-system-x86`. ' +
    'A path can be given in BROWNOUT_QEMU. Everything else works without QEMU.'
  );
}
