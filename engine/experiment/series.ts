// The series of a simulated run: what each is called, its unit, and the counter it reads.
// Rates read a total and are turned into a mean over the sampling interval by the recorder.

import type { DeviceRack } from '../devices/device-rack.ts';
import type { RackDevice } from '../devices/rack-options.ts';
import type { Guest } from '../machine/guest.ts';
import type { GuestWriter } from '../machine/guestwriter.ts';
import type { VcpuGroup } from '../machine/vcpu.ts';
import type { MigrationThread } from '../migration/thread.ts';
import type { Series } from './recorder.ts';

const NS_PER_SECOND = 1e9;

export function guestSeries(group: VcpuGroup, writer: GuestWriter): Series[] {
  const source = group.name;
  return [
    {
      id: `dirty.vcpu.${source}`,
      label: `${source}: pages dirtied`,
      unit: 'pages/s',
      kind: 'rate',
      source,
      read: () => writer.dirtied,
    },
    {
      id: `writes.vcpu.${source}`,
      label: `${source}: page writes`,
      unit: 'pages/s',
      kind: 'rate',
      source,
      read: () => group.writes,
    },
    {
      id: `stall.vcpu.${source}`,
      label: `${source}: time lost per vCPU`,
      unit: 'ratio',
      kind: 'rate',
      source,
      read: () => (group.stallNs + group.throttledNs) / group.vcpus / NS_PER_SECOND,
    },
  ];
}

/** A run may see several migrations: the series show the one under way, totals of all that were. */
export function migrationSeries(current: () => MigrationThread, guest: Guest, faults: () => number): Series[] {
  const ofAll = (read: (thread: MigrationThread) => number): (() => number) => {
    let thread = current();
    let before = 0;
    return () => {
      if (current() !== thread) {
        before += read(thread);
        thread = current();
      }
      return before + read(thread);
    };
  };
  const transferred = ofAll((thread) => thread.counters.transferred);
  return [
    {
      id: 'left',
      label: 'dirty and not yet sent',
      unit: 'pages',
      kind: 'level',
      read: () => {
        const { status, end, ram } = current();
        return status !== 'none' && end === null ? ram.left : 0;
      },
    },
    {
      id: 'threshold',
      label: 'threshold for the switchover',
      unit: 'pages',
      kind: 'level',
      read: () => Math.floor(current().window.thresholdBytes / 4096),
    },
    { id: 'sent', label: 'sent', unit: 'bytes', kind: 'total', read: transferred },
    { id: 'throughput', label: 'throughput', unit: 'bytes/s', kind: 'rate', read: transferred },
    { id: 'pages', label: 'pages sent', unit: 'pages/s', kind: 'rate', read: ofAll((thread) => thread.counters.pages) },
    {
      id: 'newly',
      label: 'pages found dirty by syncs',
      unit: 'pages',
      kind: 'total',
      read: ofAll((thread) => thread.ram.newlyDirtyTotal),
    },
    { id: 'rounds', label: 'dirty syncs', unit: 'count', kind: 'total', read: ofAll((thread) => thread.ram.syncs) },
    {
      id: 'harvest',
      label: 'time in dirty syncs',
      unit: 'ns',
      kind: 'total',
      read: ofAll((thread) => thread.syncs.harvestNs),
    },
    {
      id: 'throttle',
      label: 'vCPU throttle',
      unit: 'ratio',
      kind: 'level',
      read: () => current().convergence.throttlePercent / 100,
    },
    { id: 'stall', label: 'guest stall, all vCPUs', unit: 'ns', kind: 'total', read: () => Math.round(guest.stallNs) },
    { id: 'faults.kvm', label: 'write-protect faults', unit: '1/s', kind: 'rate', read: faults },
  ];
}

export function deviceSeries({ name, traffic }: RackDevice): Series[] {
  const { counters } = traffic;
  return [
    {
      id: `dirty.device.${name}`,
      label: `${name}: pages dirtied`,
      unit: 'pages/s',
      kind: 'rate',
      source: name,
      read: () => counters.pagesNewlyWritten,
    },
    {
      id: `writes.device.${name}`,
      label: `${name}: pages written by DMA`,
      unit: 'pages/s',
      kind: 'rate',
      source: name,
      read: () => counters.pagesWritten,
    },
    {
      id: `faults.device.${name}`,
      label: `${name}: IO page faults`,
      unit: '1/s',
      kind: 'rate',
      source: name,
      read: () => counters.faults,
    },
  ];
}

export function rackSeries(rack: DeviceRack): Series[] {
  const sum = (read: (device: RackDevice) => number): number =>
    rack.devices.reduce((total, device) => total + read(device), 0);
  const lookups = (device: RackDevice): number =>
    device.traffic.counters.iotlbHits + device.traffic.counters.iotlbMisses;
  // The hit rate of the interval: differences of two totals, so it keeps what it saw at the last sample.
  let hitsBefore = 0;
  let lookupsBefore = 0;
  return [
    {
      id: 'pinned',
      label: 'guest pages pinned for devices',
      unit: 'pages',
      kind: 'level',
      read: () => rack.pins.pages,
    },
    {
      id: 'iotlb.hits',
      label: 'IOTLB hit rate',
      unit: 'ratio',
      kind: 'level',
      read: () => {
        const hits = sum((device) => device.traffic.counters.iotlbHits);
        const all = sum(lookups);
        const rate = all === lookupsBefore ? 0 : (hits - hitsBefore) / (all - lookupsBefore);
        hitsBefore = hits;
        lookupsBefore = all;
        return rate;
      },
    },
    {
      id: 'unmaps',
      label: 'unmaps',
      unit: '1/s',
      kind: 'rate',
      read: () =>
        rack.containers.reduce((total, { tracker }) => total + tracker.sectionsRemoved, 0) +
        sum((device) => device.traffic.guestCounters.unmaps),
    },
    {
      id: 'faults',
      label: 'IO page faults',
      unit: '1/s',
      kind: 'rate',
      read: () => sum((device) => device.traffic.counters.faults),
    },
  ];
}
