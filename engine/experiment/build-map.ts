// From the experiment's memory, modules and special regions to the layout, the memory map, and its listeners.

import { PAGE_SIZE } from '../core/units.ts';
import type { DropSink, EmitEvent } from '../core/ports.ts';
import type { DeviceRack } from '../devices/device-rack.ts';
import type { KvmTracking } from '../kvm/tracking.ts';
import { machineLayout, type RamLayout, type RamSection } from '../machine/layout.ts';
import type { FlatRange } from '../machine/map/flatview.ts';
import { MemoryMap, type Appearance, type MapListener } from '../machine/map/memorymap.ts';
import type { Ram } from '../machine/ram.ts';
import { dimmComesLater } from './presence.ts';
import type { Experiment } from './schema.ts';

export function layoutOf({ guest }: Experiment): RamLayout {
  const dimms = guest.dimms.map(({ name, size }) => ({ name, pages: size / PAGE_SIZE }));
  return machineLayout(guest.machine, guest.memory / PAGE_SIZE, dimms);
}

/** Modules that are not there at the start: the first change of a module plugs it. */
export function absentDimms(experiment: Experiment, layout: RamLayout): RamSection[] {
  return layout.dimms.filter(({ name }) => dimmComesLater(experiment, name));
}

/** What a vCPU cannot write follows what the guest sees. */
export function showRange(map: MemoryMap, ram: Ram, first: number, pages: number, as: Appearance): void {
  map.show(first, pages, as);
  if (as === 'rom' || as === 'mmio') ram.unwritable.setRange(first, pages);
  else ram.unwritable.clearRange(first, pages);
}

/** The map as it is at the start; nobody listens yet. */
export function buildMap(experiment: Experiment, layout: RamLayout, ram: Ram): MemoryMap {
  const map = new MemoryMap(layout.sections, experiment.memory_map.update);
  const absent = absentDimms(experiment, layout);
  map.begin();
  for (const dimm of layout.dimms) {
    if (absent.includes(dimm)) ram.unwritable.setRange(dimm.ramPage, dimm.pages);
    else map.plug(dimm);
  }
  for (const { offset, size, as } of experiment.guest.regions) {
    showRange(map, ram, offset / PAGE_SIZE, size / PAGE_SIZE, as);
  }
  map.commit(0);
  return map;
}

const slotOf = (range: FlatRange): { name: string; first: number; pages: number; readonly: boolean } => ({
  name: range.name,
  first: range.ramPage,
  pages: range.pages,
  readonly: range.readonly,
});

/** KVM's listener queues deletions and additions and applies them together: no vCPU sees a hole. */
export function kvmListener(kvm: KvmTracking, drop: DropSink | null): MapListener {
  let deleted: FlatRange[] = [];
  let added: FlatRange[] = [];
  return {
    name: 'kvm',
    priority: 10,
    regionAdd: (_nowNs, range) => (added.push(range), 0),
    regionDel: (_nowNs, range) => (deleted.push(range), 0),
    commit: (nowNs) => {
      let ns = 0;
      const cause = 'memslot removed with dirt in hardware buffers';
      const tell = (first: number, count: number): void => drop?.dropped(nowNs, 'kvm', cause, first, count);
      for (const range of deleted) ns += kvm.slotDel(slotOf(range), drop === null ? null : tell);
      for (const range of added) ns += kvm.slotAdd(slotOf(range));
      deleted = [];
      added = [];
      return ns;
    },
  };
}

/** VFIO's listener unmaps and maps at once: between a deletion and the addition that replaces it, DMA finds nothing. */
export function vfioListener(rack: DeviceRack, emit: EmitEvent): MapListener {
  const done = (nowNs: number, what: string, outcome: ReturnType<DeviceRack['regionAdd']>): number => {
    if (outcome.ok) return outcome.value;
    const text = `${what}: ${outcome.errno}: ${outcome.why}`;
    emit({ timeNs: nowNs, durationNs: 0, kind: 'error', source: 'vfio', text, detail: { errno: outcome.errno } });
    return 0;
  };
  return {
    name: 'vfio',
    priority: 10,
    regionAdd: (nowNs, range) => {
      rack.advanceTo(nowNs);
      return done(nowNs, 'region_add', rack.regionAdd(range));
    },
    regionDel: (nowNs, range) => done(nowNs, 'region_del', rack.regionDel(nowNs, range)),
  };
}
