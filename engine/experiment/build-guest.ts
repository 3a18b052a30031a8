// From the experiment's guest section to RAM, KVM tracking and vCPU groups.

import type { Costs } from '../core/costs.ts';
import { PAGE_SIZE } from '../core/units.ts';
import { KvmDirtyLog, type DirtyLogMode } from '../kvm/dirtylog.ts';
import { KvmDirtyRing } from '../kvm/dirtyring.ts';
import type { Memslot } from '../kvm/slots.ts';
import type { KvmTracking, KvmTrackingConfig } from '../kvm/tracking.ts';
import type { RamLayout, RamSection } from '../machine/layout.ts';
import type { PatternConfig } from '../machine/pattern.ts';
import { Ram } from '../machine/ram.ts';
import type { PhaseConfig, VcpuGroupConfig } from '../machine/vcpu.ts';
import type { Experiment, Workload, WorkloadPhase } from './schema.ts';

const pagesOf = (bytes: number): number => bytes / PAGE_SIZE;

const slotsOf = (sections: readonly RamSection[]): Memslot[] =>
  sections.map(({ name, ramPage, pages, readonly }) => ({ name, first: ramPage, pages, readonly }));

export function buildRam(experiment: Experiment, layout: RamLayout): Ram {
  const ram = new Ram(layout, pagesOf(experiment.guest.filled));
  // A driver has used its DMA buffers long before the migration: they are not zero.
  for (const { ring } of experiment.devices) ram.touch(pagesOf(ring.offset), pagesOf(ring.size));
  return ram;
}

/** `sections`: the memory map at the start. */
export function kvmConfigOf(
  experiment: Experiment,
  layout: RamLayout,
  sections: readonly RamSection[],
  costs: Costs,
): KvmTrackingConfig {
  const { tracking, guest } = experiment;
  return {
    pages: layout.totalPages,
    slots: slotsOf(sections),
    backingPages: pagesOf(guest.backing),
    eagerSplit: tracking.eager_split,
    hardware: tracking.hardware,
    costs,
  };
}

/** `groups`: vCPUs of each group, in their order. */
export function buildKvm(experiment: Experiment, config: KvmTrackingConfig, groups: readonly number[]): KvmTracking {
  const { vcpus, initially_set, ring } = experiment.tracking;
  if (vcpus === 'dirty-ring') {
    return new KvmDirtyRing(config, { entries: ring.entries, reaperNs: ring.reaper, vcpus: groups });
  }
  const mode: DirtyLogMode = vcpus === 'dirty-log-legacy' ? 'legacy' : initially_set ? 'initially-set' : 'manual';
  return new KvmDirtyLog(mode, config);
}

type Simple = Exclude<Workload, { pattern: 'phases' }> | WorkloadPhase;

function patternOf(item: Simple): PatternConfig {
  if (item.pattern === 'idle') return { kind: 'idle' };
  const region = { first: pagesOf(item.region.offset), pages: pagesOf(item.region.size) };
  switch (item.pattern) {
    case 'sequential':
    case 'uniform':
      return { kind: item.pattern, region };
    case 'hotcold':
      return { kind: 'hotcold', region, hotPages: pagesOf(item.hot.size), hotShare: item.hot.share };
    case 'zipf':
      return { kind: 'zipf', region, skew: item.skew };
    case 'window':
      return { kind: 'window', region, windowPages: pagesOf(item.window.size), everyNs: item.window.every };
    case 'burst':
      return { kind: 'burst', region, onNs: item.burst.on, offNs: item.burst.off };
  }
}

const rateOf = (item: Simple): number => (item.pattern === 'idle' ? 0 : item.rate);

function phasesOf(workload: Workload): PhaseConfig[] {
  if (workload.pattern !== 'phases') {
    return [{ pattern: patternOf(workload), writesPerSecond: rateOf(workload), forNs: Infinity }];
  }
  return workload.phases.map((phase) => ({
    pattern: patternOf(phase),
    writesPerSecond: rateOf(phase),
    forNs: phase.for,
  }));
}

/** Name of the writer of pages that every guest writes, even an idle one. */
export const BACKGROUND = 'background';
/** Writes per second to them. */
const BACKGROUND_RATE = 1000;

export function vcpuConfigs(experiment: Experiment, costs: Costs): VcpuGroupConfig[] {
  const { seed, guest } = experiment;
  const groups: VcpuGroupConfig[] = guest.workloads.map((workload) => ({
    name: workload.name,
    vcpus: workload.vcpus,
    phases: phasesOf(workload),
    catchUpNs: workload.catch_up,
    pageWriteNs: costs.vcpu_page_write,
    throttleWakeNs: costs.throttle_wake,
    seed,
    reads:
      workload.reads === undefined
        ? null
        : {
            firstPage: pagesOf(workload.reads.offset),
            pages: pagesOf(workload.reads.size),
            readsPerSecond: workload.reads.rate,
          },
  }));
  if (costs.background_pages > 0) {
    const region = { first: 0, pages: Math.min(costs.background_pages, pagesOf(guest.memory)) };
    groups.push({
      name: BACKGROUND,
      vcpus: 1,
      phases: [{ pattern: { kind: 'sequential', region }, writesPerSecond: BACKGROUND_RATE, forNs: Infinity }],
      catchUpNs: 0,
      pageWriteNs: costs.vcpu_page_write,
      throttleWakeNs: costs.throttle_wake,
      seed,
      reads: null,
    });
  }
  return groups;
}
