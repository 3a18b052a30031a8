// Everything that exists in one simulated run, put together from an experiment: scheduler, RAM and memory map, vCPU groups, KVM,
// devices, oracle, recorder, timeline, and the migration thread, of which a run may see several, one after another.

import { Scheduler, type ActorId } from '../core/scheduler.ts';
import type { Costs } from '../core/costs.ts';
import { invariant } from '../core/invariant.ts';
import { PAGE_SIZE } from '../core/units.ts';
import type { DeviceRack } from '../devices/device-rack.ts';
import type { KvmTracking } from '../kvm/tracking.ts';
import { Guest } from '../machine/guest.ts';
import { GuestWriter } from '../machine/guestwriter.ts';
import type { RamLayout } from '../machine/layout.ts';
import type { MemoryMap } from '../machine/map/memorymap.ts';
import type { Ram } from '../machine/ram.ts';
import { WriteCounts } from '../machine/writecounts.ts';
import { VcpuGroup } from '../machine/vcpu.ts';
import { Oracle } from '../migration/oracle.ts';
import { MigrationThread } from '../migration/thread.ts';
import { buildRack } from './build-devices.ts';
import { BACKGROUND, buildKvm, buildRam, kvmConfigOf, vcpuConfigs } from './build-guest.ts';
import { absentDimms, buildMap, kvmListener, layoutOf, vfioListener } from './build-map.ts';
import { costsOf, migrationConfig, xbzrleOf, unbackedOf } from './build-migration.ts';
import { applyChange, type Scene } from './changes.ts';
import { Heat, pagesPerRow } from './heat.ts';
import { Recorder, type Series } from './recorder.ts';
import type { RunSink } from './result.ts';
import type { Experiment } from './schema.ts';
import { deviceSeries, guestSeries, migrationSeries, rackSeries } from './series.ts';
import type { GuestTally } from './summary.ts';
import { Timeline } from './timeline.ts';

/** Before the migration, what was written is forgotten this often: rates of dirtying then count distinct pages per second. */
const FORGET_NS = 1_000_000_000;

export class World implements Scene {
  readonly experiment: Experiment;
  readonly scheduler = new Scheduler();
  readonly costs: Costs;
  readonly layout: RamLayout;
  readonly ram: Ram;
  readonly map: MemoryMap;
  readonly kvm: KvmTracking;
  readonly guest: Guest;
  readonly rack: DeviceRack;
  readonly oracle: Oracle;
  readonly recorder: Recorder;
  readonly heat: Heat;
  readonly timeline: Timeline;
  thread: MigrationThread;
  /** Modules that are not plugged now. */
  readonly unplugged: Set<string>;
  readonly hotplugWhileMigrating: boolean;
  /** When the last migration ended; -1 while there is one to come or under way. */
  endedNs = -1;
  #threadId: ActorId;
  /** Writes page by page, for XBZRLE. */
  readonly #counts: WriteCounts | null;
  #eventsAtStart = 0;
  #started: GuestTally | null = null;
  #stopped: GuestTally | null = null;

  constructor(experiment: Experiment, sink: RunSink) {
    this.experiment = experiment;
    const costs = costsOf(experiment);
    this.costs = costs;
    const layout = layoutOf(experiment);
    this.layout = layout;
    this.ram = buildRam(experiment, layout);
    this.map = buildMap(experiment, layout, this.ram);
    this.unplugged = new Set(absentDimms(experiment, layout).map(({ name }) => name));
    this.hotplugWhileMigrating = experiment.memory_map.hotplug_while_migrating;
    this.oracle = new Oracle(layout.totalPages, pagesPerRow(layout.totalPages));

    this.#counts = experiment.migration.xbzrle.enabled ? new WriteCounts() : null;
    const configs = vcpuConfigs(experiment, costs);
    const vcpus = configs.map((config) => config.vcpus);
    this.kvm = buildKvm(experiment, kvmConfigOf(experiment, layout, this.map.units, costs), vcpus);
    const writers = configs.map(
      ({ name }, group) =>
        new GuestWriter(this.ram, this.kvm, group, this.oracle.writer(`vCPUs ${name}`), this.#counts),
    );
    const groups = configs.map((config, i) => new VcpuGroup(config, writers[i]!));
    this.guest = new Guest(this.scheduler, groups, this.kvm.limit);
    for (const actor of this.kvm.actors ?? []) this.scheduler.add(actor, 0);

    this.rack = buildRack(experiment, layout, this.map.units, costs, {
      written: (device) => this.oracle.writer(device),
      drop: this.oracle,
      emit: (event) => this.recorder.event(event),
    });
    this.guest.followedBy(this.rack);
    this.map.listen(kvmListener(this.kvm, experiment.defects.slot_removal_drops_buffers ? this.oracle : null));
    if (this.rack.devices.length > 0) this.map.listen(vfioListener(this.rack, (event) => this.recorder.event(event)));

    this.timeline = new Timeline(this.scheduler, experiment.changes, (nowNs, change) => {
      applyChange(this, nowNs, change);
    });
    this.thread = this.#newThread();
    this.#threadId = this.scheduler.add(this.thread, experiment.migration.start);

    const shown = groups.filter(({ name }) => name !== BACKGROUND);
    const series: Series[] = [
      ...shown.flatMap((group) => guestSeries(group, writers[groups.indexOf(group)]!)),
      ...this.rack.devices.flatMap(deviceSeries),
      ...(this.rack.devices.length > 0 ? rackSeries(this.rack) : []),
      ...migrationSeries(
        () => this.thread,
        this.guest,
        () => this.kvm.faults,
      ),
    ];
    this.heat = new Heat(sink, this.oracle, layout.totalPages, configs.length);
    this.recorder = new Recorder(sink, experiment.sampling, series, (nowNs) => {
      this.#beforeSample(nowNs);
    });
    const mapped = this.rack.start(this.scheduler);
    invariant(mapped.ok, 'guest RAM can be mapped for its devices');
    this.scheduler.add(this.recorder, 0);
  }

  /** Another `migrate` command; nothing while one is under way. */
  migrate(nowNs: number): boolean {
    if (this.thread.end === null || this.thread.end === 'completed') return false;
    this.endedNs = -1;
    this.thread = this.#newThread();
    this.#threadId = this.scheduler.add(this.thread, nowNs);
    return true;
  }

  /** Something happened to the migration that it must see at once. */
  wakeThread(nowNs: number): void {
    if (this.thread.status !== 'none' && this.thread.end === null) this.scheduler.wake(this.#threadId, nowNs);
  }

  /** After every event of the scheduler, where an experiment waits for one. */
  countEvent(): void {
    if (this.thread.status === 'none' || !this.timeline.waitsForEvents) return;
    this.timeline.moment(this.scheduler.nowNs, `event ${this.scheduler.eventsRun - this.#eventsAtStart}`);
  }

  /** The guest's losses between the start of the migration and the stop. */
  guestTally(): GuestTally {
    const now = this.#stopped ?? this.#tally();
    const before = this.#started ?? now;
    return {
      stallNs: now.stallNs - before.stallNs,
      asked: now.asked - before.asked,
      made: now.made - before.made,
      faults: now.faults - before.faults,
    };
  }

  #newThread(): MigrationThread {
    const { experiment, layout, rack } = this;
    return new MigrationThread({
      config: migrationConfig(experiment, this.costs),
      ram: {
        totalPages: layout.totalPages,
        blocks: layout.blocks,
        nonZero: this.ram.nonZero,
        trackers: [this.kvm, ...this.rack.containers.map(({ tracker }) => tracker)],
        sent: (first, count) => {
          this.oracle.sent(first, count);
        },
        hostPagePages: experiment.guest.backing / PAGE_SIZE,
        clearChunkPages: experiment.tracking.clear_chunk / PAGE_SIZE,
        unbacked: unbackedOf(experiment, this.costs),
        absent: layout.dimms
          .filter(({ name }) => this.unplugged.has(name))
          .map(({ ramPage, pages }) => ({ first: ramPage, count: pages })),
      },
      // Those that are plugged when it is asked: the thread is made before the migration begins.
      get devices() {
        return rack.devices.flatMap(({ vfio, traffic }) => (vfio === null || !traffic.present ? [] : [vfio]));
      },
      xbzrle: xbzrleOf(experiment, this.#counts),
      guest: this.guest,
      emit: (event) => this.recorder.event(event),
      begin: () => {
        this.oracle.begin();
        for (const { name, ramPage, pages } of layout.dimms) {
          if (this.unplugged.has(name)) this.oracle.forget(ramPage, pages);
        }
        this.#started = this.#tally();
        this.#stopped = null;
        this.#eventsAtStart = this.scheduler.eventsRun;
      },
      stopped: () => {
        this.#stopped = this.#tally();
      },
      moment: (nowNs, name) => {
        this.timeline.moment(nowNs, name);
      },
      ended: (nowNs) => {
        this.endedNs = nowNs;
      },
    });
  }

  #beforeSample(nowNs: number): void {
    if (this.thread.status === 'none' && nowNs % FORGET_NS === 0) this.oracle.forgetWrites();
    this.oracle.emitDrops(nowNs, (event) => this.recorder.event(event));
    this.heat.sample(nowNs);
  }

  #tally(): GuestTally {
    const { groups } = this.guest;
    const sum = (read: (group: VcpuGroup) => number): number =>
      groups.reduce((total, group) => (group.name === BACKGROUND ? total : total + read(group)), 0);
    return {
      stallNs: sum((group) => group.stallNs + group.throttledNs),
      asked: sum((group) => group.asked),
      made: sum((group) => group.pacedWrites),
      faults: this.kvm.faults,
    };
  }
}
