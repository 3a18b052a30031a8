// Runs an experiment in QEMU: two processes, our guest, one migration between them, and everything it reports.
//
// The run's time begins when the guest has filled its memory and its clock starts. Times are taken from the lab's
// monotonic clock; QEMU's own stamps (events, trace points) are on the host's wall clock and are moved onto it with an
// offset taken right before the migration.
//
// A file never starts QEMU by itself: the caller says `allowQemu`, and says so because a person did. Whatever ends a
// run, processes, sockets and files end with it (guard.ts).

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluateExpectations } from '../../engine/experiment/expect.ts';
import type { Progress, RunSink } from '../../engine/experiment/result.ts';
import type { Experiment } from '../../engine/experiment/schema.ts';
import { resolveAccelerator, qemuBinary, qemuVersion } from './check.ts';
import { QemuError } from './errors.ts';
import { makeGuardedFolder } from './guard.ts';
import { startMachine, type Machine, type MachineOptions } from './machine.ts';
import { migrateAndWatch } from './migrate.ts';
import { HashingSink, observedSeries } from './observed.ts';
import { planQemuRun, type QemuPlan } from './plan.ts';
import { guestImage } from './program.ts';
import { TRACE_POINTS, TraceReader } from './trace.ts';

/** The engine's version does not matter to a measurement; the field says what recorded it. */
const RECORDER = 'qemu backend 1';
const FILL_TIMEOUT_MS = 60_000;
const FILL_TIMEOUT_MS_PER_GIB = 30_000;

export interface QemuRunOptions {
  /** A person said that QEMU may be started on this machine. */
  readonly allowQemu: boolean;
  readonly binary?: string;
  /** Cancels: before the guest runs the call rejects with the signal's reason, afterwards the run ends as cancelled. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export async function runInQemu(experiment: Experiment, sink: RunSink, options: QemuRunOptions): Promise<void> {
  if (!options.allowQemu)
    throw new QemuError(
      'consent',
      `"${experiment.name}" wants to start two QEMU processes on this machine. Say so with --allow-qemu.`,
    );
  const plan = planQemuRun(experiment);
  const { signal } = options;
  const binary = options.binary ?? qemuBinary();
  const version = await qemuVersion(binary);
  const accelerator = await resolveAccelerator(binary, plan.accelerator, signal);
  checkHostMemory(plan);
  signal?.throwIfAborted();

  const folder = await makeGuardedFolder();
  const trace = new TraceReader();
  const machines: Machine[] = [];
  const start = async (role: 'source' | 'destination'): Promise<Machine> => {
    const machine = await startMachine(
      { ...common, incoming: role === 'destination', startStopped: role === 'destination' && plan.compare },
      {
        ...(signal && { signal }),
        ...(role === 'source' && {
          onTrace: (chunk: Buffer) => {
            trace.push(chunk);
          },
        }),
      },
    );
    machines.push(machine);
    return machine;
  };
  const common: Omit<MachineOptions, 'incoming' | 'startStopped'> = {
    ...{ binary, accelerator, machine: plan.machine, memoryBytes: plan.memoryBytes, vcpus: plan.vcpus },
    dirtyRingEntries: plan.dirtyRingEntries,
    image: join(folder.path, 'guest.bin'),
    trace: TRACE_POINTS,
  };
  try {
    await writeFile(common.image, guestImage(plan.program));
    const destination = await start('destination');
    const source = await start('source');
    await untilFilled(source, plan, signal);
    const originMs = source.reports.filledAtMs!;

    const hashing = new HashingSink(sink);
    hashing.head({
      source: { kind: 'qemu', text: `QEMU ${version}, ${accelerator.toUpperCase()}` },
      engineVersion: RECORDER,
      seed: experiment.seed,
      samplingNs: plan.sampleMs * 1e6,
      series: observedSeries(plan.writer).map(({ info }) => info),
    });
    const onProgress = options.onProgress ?? (() => undefined);
    const result = await migrateAndWatch(
      { plan, folder, source, destination, trace, originMs, signal, onProgress },
      hashing,
    );
    for (const event of result.events) hashing.event(event);
    hashing.finished(result.summary, evaluateExpectations(experiment.expect, result.summary));
  } finally {
    await Promise.all(machines.map((machine) => machine.end()));
    await folder.end();
  }
}

async function untilFilled(source: Machine, plan: QemuPlan, signal?: AbortSignal): Promise<void> {
  const timeoutMs = FILL_TIMEOUT_MS + (FILL_TIMEOUT_MS_PER_GIB * plan.memoryBytes) / 2 ** 30;
  const filled = await source.reports.until(
    (reports) => reports.filledAtMs !== undefined || reports.refused,
    timeoutMs,
    signal,
  );
  signal?.throwIfAborted();
  if (source.reports.refused) throw new Error('the guest program refused its parameters');
  if (filled) return;
  const said = source.stderr().trim();
  throw new QemuError(
    source.reports.closed ? 'failed' : 'timed-out',
    `the guest did not fill its memory within ${Math.round(timeoutMs / 1000)} s${said === '' ? '' : `: ${said}`}`,
  );
}

function checkHostMemory(plan: QemuPlan): void {
  const availableBytes = process.availableMemory();
  if (2 * plan.memoryBytes > availableBytes)
    throw new QemuError(
      'unsupported',
      `source and destination need ${(2 * plan.memoryBytes) / 2 ** 20} MiB; ` +
        `this machine has ${Math.floor(availableBytes / 2 ** 20)} MiB available`,
    );
}
