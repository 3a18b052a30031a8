// What each change of the timeline does to the world. A change that is refused (by a device's state, by the kernel, by QEMU) says
// so in an event and changes nothing.

import type { Outcome } from '../core/errno.ts';
import { done, refuse } from '../core/errno.ts';
import type { Costs } from '../core/costs.ts';
import { PAGE_SIZE } from '../core/units.ts';
import type { DeviceRack } from '../devices/device-rack.ts';
import type { Guest } from '../machine/guest.ts';
import type { RamLayout } from '../machine/layout.ts';
import type { MemoryMap } from '../machine/map/memorymap.ts';
import type { Ram } from '../machine/ram.ts';
import type { Oracle } from '../migration/oracle.ts';
import type { MigrationThread } from '../migration/thread.ts';
import { showRange } from './build-map.ts';
import type { Recorder } from './recorder.ts';
import type { RunEvent } from './result.ts';
import type { Change } from './schema.ts';

type Result = Outcome<unknown>;

/** What changes reach. */
export interface Scene {
  readonly costs: Costs;
  readonly layout: RamLayout;
  readonly ram: Ram;
  readonly map: MemoryMap;
  readonly guest: Guest;
  readonly rack: DeviceRack;
  readonly oracle: Oracle;
  readonly recorder: Recorder;
  readonly thread: MigrationThread;
  /** Modules that are not plugged now. */
  readonly unplugged: Set<string>;
  /** Memory comes and goes also while a migration is under way, which QEMU refuses. */
  readonly hotplugWhileMigrating: boolean;
  migrate(nowNs: number): boolean;
  wakeThread(nowNs: number): void;
}

export function applyChange(world: Scene, nowNs: number, change: Change): void {
  const result = act(world, nowNs, change);
  if (result.ok) return;
  const text = `${change.do} refused: ${result.errno}: ${result.why}`;
  world.recorder.event({ timeNs: nowNs, durationNs: 0, kind: 'note', text, detail: { errno: result.errno } });
}

const note = (world: Scene, nowNs: number, kind: RunEvent['kind'], text: string): Outcome<undefined> => {
  world.recorder.event({ timeNs: nowNs, durationNs: 0, kind, text, detail: {} });
  return done;
};

const inPages = ({ offset, size }: { readonly offset: number; readonly size: number }): [number, number] => [
  offset / PAGE_SIZE,
  size / PAGE_SIZE,
];

/** What only a guest that runs here can do, or a VMM for it: its vCPUs, its drivers, its memory map. */
const NEEDS_GUEST: readonly Change['do'][] = [
  ...(['unmap', 'map', 'unmap-all', 'driver', 'region', 'plug-memory', 'unplug-memory'] as const),
];

function act(world: Scene, nowNs: number, change: Change): Result {
  const { rack, thread, guest } = world;
  if (guest.state !== 'running' && NEEDS_GUEST.includes(change.do)) {
    return refuse('EBUSY', guest.state === 'moved' ? 'the guest has moved' : 'the guest is stopped');
  }
  switch (change.do) {
    case 'unmap':
      return rack.unmapRange(nowNs, change.device, ...inPages(change));
    case 'map':
      return rack.mapRange(nowNs, change.device, ...inPages(change));
    case 'unmap-all':
      return rack.unmapAll(nowNs, change.device);
    case 'driver':
      return rack.setDriver(nowNs, change.device, change.to);
    case 'device-rate':
      return rack.setRate(nowNs, change.device, change.rate);
    case 'plug-device':
    case 'unplug-device': {
      const plugs = change.do === 'plug-device';
      if (thread.status !== 'none' && thread.end === null) return refuseWhileMigrating(plugs);
      const result = plugs ? rack.plug(nowNs, change.device) : rack.unplug(nowNs, change.device);
      if (!result.ok) return result;
      // Mapping and pinning guest RAM for it holds the big lock.
      const durationNs = result.value;
      guest.stall(durationNs * world.costs.bql_stall);
      const text = `${change.device}: ${commandOf(plugs)}`;
      const detail = { pinnedPages: rack.pins.pages };
      world.recorder.event({ timeNs: nowNs, durationNs, kind: 'map-change', text, detail });
      return done;
    }
    case 'region':
      return changeMap(world, nowNs, `${change.size / PAGE_SIZE} pages become ${change.to}`, () => {
        showRange(world.map, world.ram, ...inPages(change), change.to);
      });
    case 'plug-memory':
    case 'unplug-memory':
      return plug(world, nowNs, change.dimm, change.do === 'plug-memory');
    case 'set':
      thread.set({
        ...(change.bandwidth === undefined ? {} : { maxBandwidth: change.bandwidth }),
        ...(change.downtime_limit === undefined ? {} : { downtimeLimitNs: change.downtime_limit }),
      });
      return note(world, nowNs, 'note', 'migration parameters set');
    case 'cancel':
      if (thread.status === 'none') return refuse('EINVAL', 'no migration is under way');
      thread.cancel();
      world.wakeThread(nowNs);
      return done;
    case 'fail-destination':
      thread.failDestination();
      world.wakeThread(nowNs);
      return note(world, nowNs, 'error', 'the destination fails');
    case 'lose-link':
      thread.loseLink(nowNs, change.for === undefined ? Infinity : nowNs + change.for);
      return note(world, nowNs, 'error', 'the link is lost');
    case 'start-postcopy':
      return thread.startPostcopy();
    case 'migrate':
      return world.migrate(nowNs) ? done : refuse('EBUSY', 'a migration is under way, or the guest is gone');
  }
}

const commandOf = (plugs: boolean): string => (plugs ? 'device_add' : 'device_del');
/** QEMU's system/qdev-monitor.c, for every device: a memory module is one. */
const refuseWhileMigrating = (plugs: boolean): Result =>
  refuse('EBUSY', `${commandOf(plugs)} not allowed while migrating`);

/** One transaction of the memory map; the big lock is held throughout. */
function changeMap(world: Scene, nowNs: number, text: string, change: () => void): Result {
  const faultsBefore = faults(world);
  world.rack.advanceTo(nowNs);
  world.map.begin();
  change();
  const { durationNs, deleted, added } = world.map.commit(nowNs);
  world.guest.stall(durationNs * world.costs.bql_stall);
  world.recorder.event({
    timeNs: nowNs,
    durationNs,
    kind: 'map-change',
    text,
    detail: { deleted, added, faults: faults(world) - faultsBefore },
  });
  return done;
}

const faults = (world: Scene): number =>
  world.rack.devices.reduce((sum, device) => sum + device.traffic.counters.faults, 0);

function plug(world: Scene, nowNs: number, name: string, present: boolean): Result {
  const dimm = world.layout.dimms.find((section) => section.name === name);
  if (dimm === undefined) return refuse('ENODEV', `no module ${name}`);
  const active = world.thread.status !== 'none' && world.thread.end === null;
  if (active && !world.hotplugWhileMigrating) return refuseWhileMigrating(present);
  if (world.unplugged.has(name) !== present) return refuse('EEXIST', `${name} is ${present ? 'plugged' : 'unplugged'}`);
  const { ramPage: first, pages } = dimm;
  return changeMap(world, nowNs, `${name} ${present ? 'plugged' : 'unplugged'}`, () => {
    if (present) {
      world.unplugged.delete(name);
      world.map.plug(dimm);
      world.ram.unwritable.clearRange(first, pages);
      world.oracle.remember(first, pages);
      if (active) world.thread.ram.include(first, pages);
    } else {
      world.unplugged.add(name);
      world.map.unplug(name);
      world.ram.unwritable.setRange(first, pages);
      world.oracle.forget(first, pages);
      if (active) world.thread.ram.discard(nowNs, first, pages);
    }
  });
}
