// One iteration of the migration loop: RAM is sent until the window is exceeded, 50 ms are over or nothing is left; then each
// device is read once; then the window is closed if 100 ms have passed, or the rest of it is slept through if it is exceeded.
// (QEMU 9.2, migration/ram.c ram_save_iterate(), migration.c migration_rate_limit(); qemu-migration.md 2.4, 2.5.)
//
// A piece is at most 1 ms of sending or one read of the devices. Fractions of a nanosecond are carried from piece to piece.

import type { MigrationConfig } from './config.ts';
import type { Convergence } from './convergence.ts';
import type { DevicePrecopy } from './device-precopy.ts';
import { MultifdPackets } from './multifd.ts';
import type { GuestControl } from './parts.ts';
import type { RamSave } from './ramsave.ts';
import { multifdSyncBytes, streamCosts, type StreamCosts, type StreamCounters } from './stream.ts';
import { type RateWindow, WINDOW_NS } from './window.ts';
import { RAM_SECTION_BYTES } from './wire.ts';
import type { Xbzrle } from './xbzrle.ts';

/** MAX_WAIT is 50 ms, compared as "more than 50" after truncation to whole ms. */
const RAM_CALL_NS = 51_000_000;
const SLICE_NS = 1_000_000;
/** An iteration in which nothing was sent still takes some time. */
const IDLE_NS = 20_000;

/** What an iteration works on: all of it belongs to the migration thread. */
export interface IterationHost {
  readonly config: MigrationConfig;
  readonly ram: RamSave;
  readonly counters: StreamCounters;
  readonly window: RateWindow;
  readonly convergence: Convergence;
  readonly xbzrle: Xbzrle | null;
  readonly guest: Pick<GuestControl, 'stall'>;
  readonly precopy: DevicePrecopy;
  /** The sync that auto-converge asks for every 5 s, if it is due. */
  periodicSync(nowNs: number): void;
}

export class Iteration {
  readonly #host: IterationHost;
  readonly #running: StreamCosts;
  readonly #packets: MultifdPackets | null;
  #step: 'ram' | 'devices' | 'rate' = 'ram';
  #beganNs = 0;
  #callEndNs = 0;
  #carryNs = 0;
  #passes = 0;
  /** Pages handed to channels that the packets know of. */
  #queued = 0;

  constructor(host: IterationHost) {
    this.#host = host;
    const { config } = host;
    this.#running = streamCosts(config, false);
    this.#packets =
      config.multifdChannels > 0 ? new MultifdPackets(config.multifdChannels, config.multifdCountedWhenWritten) : null;
  }

  /** `beganNs`: when the loop's step began whose iteration this is. */
  begin(nowNs: number, beganNs: number): void {
    this.#host.ram.beginCall();
    this.#beganNs = beganNs;
    this.#callEndNs = nowNs + RAM_CALL_NS;
    this.#step = 'ram';
  }

  /** Does the next piece; returns when to be called again, or null when the iteration is over. */
  run(nowNs: number): number | null {
    switch (this.#step) {
      case 'ram':
        return this.#sendRam(nowNs);
      case 'devices':
        return this.#readDevices(nowNs);
      case 'rate':
        return this.#limitRate(nowNs);
    }
  }

  /** What the window has counted: not the packet that is being filled. */
  get #counted(): number {
    return this.#host.counters.transferred - (this.#packets?.openBytes ?? 0);
  }

  #room(bytes: number): number {
    const { window } = this.#host;
    this.#queueNew();
    // What does not fill packets (zero pages, found by the main thread) is counted as it goes.
    if (this.#packets === null || bytes !== this.#running.normal.bytes)
      return window.pagesUntilExceeded(this.#counted, bytes);
    return this.#packets.pagesUntilExceeded(window.roomBytes(this.#counted));
  }

  /** Tells the packets of the pages that went since it was last asked: sending asks for room several times in a piece. */
  #queueNew(): void {
    const { counters, config } = this.#host;
    const queued = config.zeroPageDetection === 'none' ? counters.pages : counters.normalPages;
    this.#packets?.queue(queued - this.#queued);
    this.#queued = queued;
  }

  #sendRam(nowNs: number): number {
    const { ram, counters, config, xbzrle, guest } = this.#host;
    const sent = ram.send(nowNs, this.#running, counters, {
      sliceNs: SLICE_NS,
      room: (bytes) => this.#room(bytes),
      callNs: this.#callEndNs - nowNs,
      encode: xbzrle === null ? null : (page) => xbzrle.encode(page, ram.syncs, false),
      encodeNs: config.costs.xbzrle_encode,
    });
    this.#queueNew();
    if (sent.lockHeldNs > 0) guest.stall(sent.lockHeldNs * config.costs.lock_stall);
    const callOver = sent.empty || sent.callOver || sent.rateExceeded;
    const passOver = ram.passes !== this.#passes;
    this.#passes = ram.passes;
    let syncNs = 0;
    if (this.#packets !== null && (config.multifdFlushEachSection ? callOver : passOver)) {
      counters.protocolBytes += this.#packets.flush() + multifdSyncBytes(config.multifdChannels);
      syncNs = config.costs.multifd_sync;
    }
    const exact = sent.ns + syncNs + this.#carryNs;
    const ns = Math.floor(exact);
    this.#carryNs = exact - ns;
    if (callOver) {
      counters.protocolBytes += RAM_SECTION_BYTES;
      this.#step = 'devices';
    }
    return nowNs + ns;
  }

  #readDevices(nowNs: number): number {
    const nextNs = nowNs + this.#host.precopy.iterate(nowNs);
    this.#step = 'rate';
    return nextNs === this.#beganNs ? nextNs + IDLE_NS : nextNs;
  }

  #limitRate(nowNs: number): number | null {
    const { counters, ram, window, convergence, config } = this.#host;
    this.#host.periodicSync(nowNs);
    window.update(nowNs, counters.transferred, counters.pages, ram.dirtyBytesLastSync, convergence.dirtyPagesRate);
    if (!window.exceeded(this.#counted)) return null;
    return Math.max(nowNs, window.startNs + WINDOW_NS) + Math.round(config.costs.rate_slack);
  }
}
