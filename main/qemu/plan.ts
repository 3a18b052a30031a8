// From an experiment to what two QEMU processes are told, or to every reason why they cannot show it.
//
// What QEMU on one machine has no counterpart for (passthrough devices, a vIOMMU, changes of the memory map) is refused.
// What it decides by itself (link speed, latency, host constants, cost table, the version of QEMU) is left aside and
// said in a note of the run.

import { MIB, NS_PER_MS, PAGE_SIZE } from '../../engine/core/units.ts';
import type { Experiment, Workload, WorkloadPhase } from '../../engine/experiment/schema.ts';
import { QemuError } from './errors.ts';
import {
  FIRST_FREE_PAGE,
  guestImage,
  PHASES_MAX,
  WRITING_VCPUS_MAX,
  type GuestProgram,
  type WritePhase,
} from './program.ts';

export interface QemuPlan {
  readonly accelerator: 'auto' | 'tcg' | 'kvm';
  readonly machine: 'pc' | 'q35';
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly program: GuestProgram;
  /** Name of the vCPU group that writes; `guest` where several do. */
  readonly writer: string;
  /** Asked of the guest, page writes per second; null where the rate is not one number. */
  readonly pacedWritesPerSecond: number | null;
  readonly startMs: number;
  /** After the start; 0 = never. */
  readonly timeoutMs: number;
  /** After the guest's clock began: the run ends at the latest. */
  readonly limitMs: number;
  readonly sampleMs: number;
  readonly transport: 'tcp' | 'unix';
  readonly multifd: boolean;
  readonly compare: boolean;
  /** When migrate-start-postcopy is given, after the start; null: never. */
  readonly postcopyAfterMs: number | null;
  /** Of each vCPU's dirty ring, which only KVM has; null: the dirty log. */
  readonly dirtyRingEntries: number | null;
  readonly capabilities: readonly { readonly capability: string; readonly state: boolean }[];
  readonly parameters: Readonly<Record<string, number | boolean | string>>;
  /** What the experiment says and QEMU does not follow. */
  readonly notes: readonly string[];
}

const REPORT_MS = 200;
/** SeaBIOS and our program need some; less than this QEMU's pc does not boot. */
const MEMORY_BYTES_MIN = 16 * MIB;
const VCPUS_MAX = 64;

export function planQemuRun(experiment: Experiment): QemuPlan {
  const { guest, migration, qemu, tracking } = experiment;
  const problems: string[] = [];
  const refuse = (when: boolean, path: string, why: string): void => {
    if (when) problems.push(`${path}: ${why}`);
  };

  refuse(experiment.devices.length > 0, 'devices', 'two QEMU processes on one machine have no passthrough devices');
  refuse(experiment.viommu.mode !== 'none', 'viommu.mode', 'without passthrough devices a vIOMMU changes nothing');
  refuse(experiment.changes.length > 0, 'changes', 'the QEMU backend does not change the guest while it runs');
  refuse(guest.dimms.length > 0, 'guest.dimms', 'the QEMU backend plugs no memory');
  refuse(guest.regions.length > 0, 'guest.regions', 'the QEMU backend has plain memory only');
  refuse(guest.backing !== PAGE_SIZE, 'guest.backing', 'the QEMU backend uses 4 KiB pages of anonymous memory');
  refuse(guest.machine === 'virt', 'guest.machine', 'the guest program is x86 code: pc or q35');
  refuse(guest.vcpus > VCPUS_MAX, 'guest.vcpus', `at most ${VCPUS_MAX}, of which ${WRITING_VCPUS_MAX} write`);
  refuse(guest.memory < MEMORY_BYTES_MIN, 'guest.memory', 'at least 16MiB');
  refuse(guest.memory % MIB !== 0, 'guest.memory', 'whole MiB');
  refuse(
    2 * guest.memory > qemu.memory_limit,
    'guest.memory',
    `source and destination take ${(2 * guest.memory) / MIB} MiB, more than qemu.memory_limit`,
  );
  const ring = tracking.vcpus === 'dirty-ring';
  refuse(ring && qemu.accelerator !== 'kvm', 'tracking.vcpus', 'only KVM has dirty rings: set qemu.accelerator to kvm');
  refuse(
    migration.postcopy.enabled && qemu.compare,
    'qemu.compare',
    'in post-copy the guest runs at the destination before its memory is there: nothing to compare',
  );
  refuse(migration.mapped_ram.enabled, 'migration.mapped_ram', 'the QEMU backend migrates to a process, not to a file');
  refuse(migration.dirty_limit.enabled && !ring, 'migration.dirty_limit', 'needs the dirty ring');
  refuse(migration.switchover_ack, 'migration.switchover_ack', 'without devices there is nothing to acknowledge');
  refuse(
    migration.pause_before_switchover.enabled,
    'migration.pause_before_switchover',
    'the QEMU backend does not pause before the switchover',
  );
  refuse(migration.multifd.enabled && migration.multifd.zero_copy, 'migration.multifd.zero_copy', 'not offered');
  refuse(
    migration.multifd.enabled && migration.multifd.flush_each_section,
    'migration.multifd.flush_each_section',
    'not offered',
  );

  const writers = guest.workloads.filter(({ pattern }) => pattern !== 'idle');
  const writing = writers.reduce((sum, { vcpus }) => sum + vcpus, 0);
  refuse(writing > WRITING_VCPUS_MAX, 'guest.workloads', `${writing} vCPUs write; at most ${WRITING_VCPUS_MAX} can`);
  refuse(writing > guest.vcpus, 'guest.workloads', `${writing} vCPUs write, of ${guest.vcpus}`);
  const vcpus = problems.length > 0 ? [] : writers.flatMap((workload) => vcpusOf(workload, problems));
  const program: GuestProgram = {
    machine: guest.machine === 'q35' ? 'q35' : 'pc',
    memoryPages: guest.memory / PAGE_SIZE,
    fillFirstPage: FIRST_FREE_PAGE,
    fillPages: guest.filled / PAGE_SIZE,
    seed: experiment.seed,
    reportMs: REPORT_MS,
    flushTlb: qemu.flush_tlb && writers.length > 0,
    vcpus: vcpus.length === 0 ? [[IDLE]] : vcpus,
  };
  if (problems.length === 0) {
    try {
      guestImage(program);
    } catch (error) {
      if (!(error instanceof QemuError)) throw error;
      problems.push(`guest.workloads: ${error.message}`);
    }
  }
  if (problems.length > 0)
    throw new QemuError('unsupported', `This experiment cannot run in QEMU:\n  ${problems.join('\n  ')}`);

  return {
    accelerator: qemu.accelerator,
    machine: program.machine,
    memoryBytes: guest.memory,
    vcpus: guest.vcpus,
    program,
    writer: writers.length === 1 ? writers[0]!.name : 'guest',
    pacedWritesPerSecond: pacedRate(program.vcpus),
    startMs: migration.start / NS_PER_MS,
    timeoutMs: migration.timeout / NS_PER_MS,
    limitMs: experiment.limits.simulated / NS_PER_MS,
    sampleMs: qemu.sample / NS_PER_MS,
    transport: qemu.transport,
    multifd: migration.multifd.enabled,
    compare: qemu.compare,
    postcopyAfterMs: migration.postcopy.enabled ? migration.postcopy.after / NS_PER_MS : null,
    dirtyRingEntries: ring ? tracking.ring.entries : null,
    capabilities: capabilitiesOf(migration),
    parameters: parametersOf(migration),
    notes: notesOf(experiment),
  };
}

type Migration = Experiment['migration'];

function capabilitiesOf(migration: Migration): QemuPlan['capabilities'] {
  const capabilities = [{ capability: 'events', state: true }];
  const add = (capability: string, state: boolean): void => {
    if (state) capabilities.push({ capability, state });
  };
  add('auto-converge', migration.auto_converge.enabled);
  add('multifd', migration.multifd.enabled);
  add('xbzrle', migration.xbzrle.enabled);
  add('return-path', migration.return_path);
  add('postcopy-ram', migration.postcopy.enabled);
  add('postcopy-preempt', migration.postcopy.enabled && migration.postcopy.preempt);
  add('dirty-limit', migration.dirty_limit.enabled);
  return capabilities;
}

/** Only what differs from QEMU's defaults where an older QEMU may not know the parameter. */
function parametersOf(migration: Migration): QemuPlan['parameters'] {
  const parameters: Record<string, number | boolean | string> = {
    'max-bandwidth': migration.bandwidth,
    'downtime-limit': migration.downtime_limit / NS_PER_MS,
  };
  const { auto_converge: auto, multifd, xbzrle, postcopy, dirty_limit: limit } = migration;
  if (postcopy.enabled && postcopy.bandwidth !== 0) parameters['max-postcopy-bandwidth'] = postcopy.bandwidth;
  if (limit.enabled) {
    parameters['vcpu-dirty-limit'] = Math.max(1, Math.round(limit.vcpu_limit / MIB));
    parameters['x-vcpu-dirty-limit-period'] = limit.period / NS_PER_MS;
  }
  if (auto.enabled) {
    parameters['cpu-throttle-initial'] = auto.initial;
    parameters['cpu-throttle-increment'] = auto.increment;
    parameters['max-cpu-throttle'] = auto.max;
    parameters['throttle-trigger-threshold'] = auto.threshold;
    if (auto.tailslow) parameters['cpu-throttle-tailslow'] = true;
  }
  if (multifd.enabled) parameters['multifd-channels'] = multifd.channels;
  if (xbzrle.enabled) parameters['xbzrle-cache-size'] = xbzrle.cache;
  if (migration.switchover_bandwidth !== 0) parameters['avail-switchover-bandwidth'] = migration.switchover_bandwidth;
  if (migration.zero_pages !== 'multifd') parameters['zero-page-detection'] = migration.zero_pages;
  return parameters;
}

type Simple = Exclude<Workload, { pattern: 'phases' }> | WorkloadPhase;

/** Each vCPU of the group makes its share of the writes; of a sweep each takes a part of the region, as guestperf's do. */
function vcpusOf(writer: Workload, problems: string[]): WritePhase[][] {
  const phases = phasesOf(writer, problems);
  return Array.from({ length: writer.vcpus }, (_, i) => phases.map((phase) => shareOf(phase, i, writer.vcpus)));
}

function shareOf(phase: WritePhase, index: number, vcpus: number): WritePhase {
  const { writesPerSecond: rate, firstPage, pages } = phase;
  const shared = { ...phase, writesPerSecond: rate === 'full' ? rate : rate / vcpus };
  if (phase.pattern !== 'sequential' || pages < vcpus) return shared;
  const [from, to] = [index, index + 1].map((i) => Math.floor((pages * i) / vcpus)) as [number, number];
  return { ...shared, firstPage: firstPage + from, pages: to - from };
}

function phasesOf(writer: Workload, problems: string[]): WritePhase[] {
  const catchUpMs = wholeMs(writer.catch_up, 'catch_up', problems);
  if (writer.pattern !== 'phases') return [phaseOf(writer, 0, catchUpMs, problems)];
  if (writer.phases.length > PHASES_MAX)
    problems.push(`guest.workloads: the guest program holds ${PHASES_MAX} phases, not ${writer.phases.length}`);
  return writer.phases
    .slice(0, PHASES_MAX)
    .map((phase) => phaseOf(phase, wholeMs(phase.for, 'phases.for', problems), catchUpMs, problems));
}

const IDLE: WritePhase = {
  durationMs: 0,
  pattern: 'idle',
  firstPage: FIRST_FREE_PAGE,
  pages: 0,
  writesPerSecond: 0,
  catchUpMs: 0,
};

function phaseOf(phase: Simple, durationMs: number, catchUpMs: number, problems: string[]): WritePhase {
  if (phase.pattern === 'idle') return { ...IDLE, durationMs };
  const area = {
    durationMs,
    firstPage: phase.region.offset / PAGE_SIZE,
    pages: phase.region.size / PAGE_SIZE,
    writesPerSecond: phase.rate === Infinity ? ('full' as const) : phase.rate,
    catchUpMs,
  };
  switch (phase.pattern) {
    case 'sequential':
    case 'uniform':
      return { ...area, pattern: phase.pattern };
    case 'hotcold':
      return { ...area, pattern: 'hotcold', hot: { pages: phase.hot.size / PAGE_SIZE, share: phase.hot.share } };
    case 'window': {
      const everyMs = wholeMs(phase.window.every, 'window.every', problems);
      return { ...area, pattern: 'window', window: { pages: phase.window.size / PAGE_SIZE, everyMs } };
    }
    case 'burst': {
      const onMs = wholeMs(phase.burst.on, 'burst.on', problems);
      return { ...area, pattern: 'burst', burst: { onMs, offMs: wholeMs(phase.burst.off, 'burst.off', problems) } };
    }
    case 'zipf':
      return { ...area, pattern: 'zipf', zipf: { skew: phase.skew } };
  }
}

/** The guest program counts milliseconds. */
function wholeMs(ns: number, path: string, problems: string[]): number {
  const ms = Math.round(ns / NS_PER_MS);
  if (ms * NS_PER_MS !== ns) problems.push(`guest.workloads: ${path} must be whole milliseconds`);
  return ms;
}

function pacedRate(vcpus: readonly (readonly WritePhase[])[]): number | null {
  let sum = 0;
  for (const phases of vcpus) {
    const only = phases.length === 1 ? phases[0] : undefined;
    if (only === undefined || only.pattern === 'idle' || only.pattern === 'burst') return null;
    if (only.writesPerSecond === 'full' || only.writesPerSecond === 0) return null;
    sum += only.writesPerSecond;
  }
  return sum;
}

function notesOf({ guest }: Experiment): string[] {
  const notes = [
    'link, latency, costs, host profile and QEMU version are those of this machine, not those of the experiment',
  ];
  if (guest.workloads.some(({ reads }) => reads !== undefined)) notes.push('the guest program only writes');
  return notes;
}
