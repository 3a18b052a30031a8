// The blackout: from the decision to stop until the source's last byte, in QEMU's order, each step a number of its own.
// (QEMU 9.2, migration.c migration_completion_precopy(), savevm.c qemu_savevm_state_complete_precopy().)
//
//   stop vCPUs, quiesce every device (P2P), stop every device, [pause-before-switchover], final sync, remaining pages without
//   a rate limit, each device's stop-copy data, state of the emulated devices, flush, [return path: load at destination]
// The parts are contiguous, so they add up to the downtime. Device states go one after another on the main channel.
// (multifd device state, 10.0: all at once).
// When the destination loads them is not part of the downtime without a return path: it delays the resume.

import type { Outcome } from '../core/errno.ts';
import { ok } from '../core/errno.ts';
import type { MigratableDevice } from '../core/ports.ts';
import type { MigrationConfig } from './config.ts';
import type { RamSave } from './ramsave.ts';
import { multifdSyncBytes, streamCosts, type StreamCounters } from './stream.ts';
import {
  EOF_BYTES,
  RAM_SECTION_BYTES,
  VFIO_BLOCK_HEADER_BYTES,
  VFIO_BUFFER_BYTES,
  VFIO_SECTION_BYTES,
} from './wire.ts';

export interface BlackoutPart {
  readonly name: string;
  readonly durationNs: number;
}

/** What the blackout needs of the thread that runs it. */
export interface BlackoutHost {
  readonly config: MigrationConfig;
  readonly ram: RamSave;
  readonly counters: StreamCounters;
  readonly devices: readonly MigratableDevice[];
  stopGuest(nowNs: number): void;
  /** The final sync; returns its duration. */
  finalSync(nowNs: number): number;
  /** XBZRLE of a page in the last stage; null: off. */
  readonly encodeLast: ((page: number) => number) | null;
}

interface StepResult {
  readonly ns: number;
  /** The step goes on after `ns`. */
  readonly again: boolean;
}

interface Step {
  readonly name: string;
  readonly run: (nowNs: number) => Outcome<StepResult>;
}

const once = (ns: number): Outcome<StepResult> => ok({ ns: Math.round(ns), again: false });
/** Pages are sent in slices, so that a long blackout can be watched and cancelled. */
const SLICE_NS = 1_000_000;
const DISCARD_RANGE_BYTES = 16;
const DISCARD_RANGES = 12;
/** Command header, version, length and name of the block, end byte. */
const DISCARD_COMMAND_BYTES = 24;

/** Main-channel bytes of `bytes` of device state: blocks of at most 1 MiB. */
export const deviceStateBytes = (bytes: number): number =>
  bytes + Math.ceil(bytes / VFIO_BUFFER_BYTES) * VFIO_BLOCK_HEADER_BYTES + VFIO_SECTION_BYTES;

export class Blackout {
  readonly parts: BlackoutPart[] = [];
  readonly toPostcopy: boolean;
  readonly #host: BlackoutHost;
  readonly #steps: readonly Step[];
  #index = 0;
  #partStartNs: number;
  #carryNs = 0;
  /** Time the destination needs to load device states after the last byte. */
  loadNs = 0;
  /** Device bytes sent before the blackout, by device; for the time to load. */
  readonly #earlierBytes: ReadonlyMap<string, number>;

  /** `toPostcopy`: the guest moves with pages still to come: they are not sent here, only which ones they are. */
  constructor(host: BlackoutHost, nowNs: number, earlierBytes: ReadonlyMap<string, number>, toPostcopy: boolean) {
    this.#host = host;
    this.toPostcopy = toPostcopy;
    this.#partStartNs = nowNs;
    this.#earlierBytes = earlierBytes;
    this.#steps = this.#plan();
  }

  get part(): string {
    return this.#steps[this.#index]?.name ?? 'done';
  }

  get done(): boolean {
    return this.#index === this.#steps.length;
  }

  /** Runs the step that is due; returns when to be called again. */
  run(nowNs: number): Outcome<number> {
    const step = this.#steps[this.#index]!;
    const result = step.run(nowNs);
    if (!result.ok) return result;
    const endNs = nowNs + result.value.ns;
    if (!result.value.again) {
      this.parts.push({ name: step.name, durationNs: endNs - this.#partStartNs });
      this.#partStartNs = endNs;
      this.#index++;
    }
    return ok(endNs);
  }

  #plan(): Step[] {
    const { config, devices } = this.#host;
    const { costs } = config;
    const steps: Step[] = [
      {
        name: 'stop vCPUs',
        run: (nowNs) => {
          this.#host.stopGuest(nowNs);
          return once(costs.vm_stop);
        },
      },
    ];
    const quiesced = devices.filter((device) => device.canP2p);
    if (quiesced.length > 0) {
      steps.push({
        name: 'quiesce devices',
        run: (nowNs) => this.#each(nowNs, quiesced, 'P2P', (d, at) => d.quiesce(at)),
      });
    }
    if (devices.length > 0) {
      steps.push({
        name: 'stop devices',
        run: (nowNs) => this.#each(nowNs, devices, 'STOP_COPY', (d, at) => d.stop(at)),
      });
    }
    const pauseNs = config.pauseBeforeSwitchoverNs;
    if (pauseNs !== null) steps.push({ name: 'pause before switchover', run: () => once(pauseNs) });
    steps.push({ name: 'final sync', run: (nowNs) => once(this.#host.finalSync(nowNs)) });
    if (this.toPostcopy) steps.push({ name: 'discard map', run: () => this.#sendDiscards() });
    else steps.push({ name: 'remaining pages', run: (nowNs) => this.#sendPages(nowNs) });
    if (devices.length > 0) steps.push({ name: 'device state', run: (nowNs) => this.#sendDevices(nowNs) });
    steps.push({
      name: 'other state',
      run: () => {
        this.#host.counters.protocolBytes += EOF_BYTES;
        // Mapped-ram: the file's bitmap of pages, one bit each.
        if (config.mappedRamRate !== null) {
          this.#host.counters.protocolBytes += Math.ceil(this.#host.ram.bitmap.pages / 8);
        }
        return once(costs.device_state_other);
      },
    });
    steps.push({ name: 'flush', run: () => once(costs.send_latency) });
    if (config.returnPath && !this.toPostcopy) {
      steps.push({ name: 'load at destination', run: () => once(this.loadNs + costs.return_path) });
    }
    return steps;
  }

  #each(
    nowNs: number,
    devices: readonly MigratableDevice[],
    state: string,
    act: (device: MigratableDevice, nowNs: number) => Outcome<number>,
  ): Outcome<StepResult> {
    let ns = 0;
    for (const device of devices) {
      const taken = act(device, nowNs + ns);
      if (!taken.ok) return { ok: false, errno: taken.errno, why: `${device.name} to ${state}: ${taken.why}` };
      ns += taken.value;
    }
    return once(ns);
  }

  #sendPages(nowNs: number): Outcome<StepResult> {
    const { config, ram, counters } = this.#host;
    const sent = ram.send(nowNs, streamCosts(config, true), counters, {
      sliceNs: SLICE_NS,
      room: () => Infinity,
      callNs: Infinity,
      encode: this.#host.encodeLast,
      encodeNs: config.costs.xbzrle_encode,
    });
    const exact = sent.ns + this.#carryNs;
    const ns = Math.floor(exact);
    this.#carryNs = exact - ns;
    if (!sent.empty) return ok({ ns, again: true });
    counters.protocolBytes += RAM_SECTION_BYTES;
    if (config.multifdChannels > 0) counters.protocolBytes += multifdSyncBytes(config.multifdChannels);
    return ok({ ns, again: false });
  }

  /** Pages sent before and dirty again are dropped at the destination: commands of up to 12 ranges of 16 bytes. */
  #sendDiscards(): Outcome<StepResult> {
    const { config, counters, ram } = this.#host;
    let ranges = 0;
    ram.bitmap.forEachRun(() => ranges++);
    const bytes = ranges * DISCARD_RANGE_BYTES + Math.ceil(ranges / DISCARD_RANGES) * DISCARD_COMMAND_BYTES;
    counters.protocolBytes += bytes;
    return once((bytes / config.linkBandwidth) * 1e9 + ranges * config.costs.log_get_page);
  }

  #sendDevices(nowNs: number): Outcome<StepResult> {
    const { config, counters, devices } = this.#host;
    let ns = 0;
    let loadNs = 0;
    let wireNs = 0;
    for (const device of devices) {
      const data = device.takeStopCopy(nowNs + ns);
      const bytes = deviceStateBytes(data);
      counters.deviceBytes += bytes;
      const deviceNs = Math.max(device.readNs(data), (bytes / config.linkBandwidth) * 1e9);
      // On channels of its own each device is read at its own pace, and the link is shared.
      if (config.multifdDeviceState) ns = Math.max(ns, deviceNs);
      else ns += deviceNs;
      wireNs += (bytes / config.linkBandwidth) * 1e9;
      loadNs += device.loadNs(data + (this.#earlierBytes.get(device.name) ?? 0));
    }
    this.loadNs = Math.round(loadNs);
    return once(Math.max(ns, wireNs));
  }
}
