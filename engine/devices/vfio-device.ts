// One VFIO device in a migration: its state, its data, and until when it does DMA.
//
// QEMU asks for states, the arcs lead there (engine/vfio/migration-states.ts), each arc takes time:
//   RUNNING -> PRE_COPY                    at setup, where supported; no time to speak of
//   -> PRE_COPY_P2P or RUNNING_P2P         the prepare pass when the vCPUs have stopped: `stopNs`, DMA ends with it
//   -> STOP_COPY (STOP without pre-copy)   the main pass: the driver saves the state, `device_stop`; a device without P2P
//                                          ends its DMA here, in `stopNs` more
// A model stops all its DMA in P2P, as a device does that cannot tell DMA to a peer from DMA to memory (mlx5 suspends
// its initiator).
// Data: initial_bytes shrinks as it is read; dirty_bytes starts at 0 and grows at a steady rate while in pre-copy, never
// beyond the initial data; what is left of both comes again in STOP_COPY on top of `stateBytes`. read() gives no more
// than the driver's rate allows since the last read.
// Left out: REINIT (MIG_PRECOPY_INFOv2), failing transitions other than arcs the device lacks, state that differs with load.
// Sources: hw/vfio/migration.c, vfio_save_setup(), vfio_vmstate_change(), vfio_state_pending_exact(); uapi vfio.h.

import type { Costs } from '../core/costs.ts';
import type { Outcome } from '../core/errno.ts';
import { ok, refuse } from '../core/errno.ts';
import { invariant } from '../core/invariant.ts';
import type { EmitEvent, MigratableDevice } from '../core/ports.ts';
import type { DeviceState } from '../vfio/migration-states.ts';
import { MIGRATION_P2P, MIGRATION_PRE_COPY, MIGRATION_STOP_COPY, deviceStatePath } from '../vfio/migration-states.ts';
import type { DeviceMigrationConfig } from './config.ts';

const SECOND = 1e9;

export class VfioDevice implements MigratableDevice {
  readonly name: string;
  readonly canP2p: boolean;
  readonly canPrecopy: boolean;
  readonly flags: number;
  readonly #config: DeviceMigrationConfig;
  readonly #costs: Costs;
  readonly #emit: EmitEvent;
  #state: DeviceState = 'RUNNING';
  /** DMA happens before this time. */
  #dmaEndNs = Infinity;
  #initialLeft = 0;
  #dirtyLeft = 0;
  /** What the last query said, minus what was read since. */
  #estimate = 0;
  #dirtyUntilNs = 0;
  #readAtNs = 0;
  #bytesRead = 0;

  constructor(name: string, config: DeviceMigrationConfig, costs: Costs, emit: EmitEvent) {
    this.name = name;
    this.canP2p = config.p2p;
    this.canPrecopy = config.precopy;
    this.flags = MIGRATION_STOP_COPY | (config.p2p ? MIGRATION_P2P : 0) | (config.precopy ? MIGRATION_PRE_COPY : 0);
    this.#config = config;
    this.#costs = costs;
    this.#emit = emit;
  }

  get state(): DeviceState {
    return this.#state;
  }

  /** The device does no DMA at or after this time. */
  get dmaEndNs(): number {
    return this.#dmaEndNs;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE; returns how long the arcs take. */
  setState(nowNs: number, to: DeviceState): Outcome<number> {
    const path = deviceStatePath(this.#state, to, this.flags);
    let durationNs = 0;
    for (const next of path.states) durationNs += this.#arc(nowNs + durationNs, next);
    return path.ok ? ok(durationNs) : refuse('EINVAL', `${this.name} has no way from ${this.#state} to ${to}`);
  }

  setup(nowNs: number): Outcome<number> {
    return this.canPrecopy ? this.setState(nowNs, 'PRE_COPY') : ok(0);
  }

  quiesce(nowNs: number): Outcome<number> {
    if (!this.canP2p) return ok(0);
    return this.setState(nowNs, this.#state === 'PRE_COPY' ? 'PRE_COPY_P2P' : 'RUNNING_P2P');
  }

  stop(nowNs: number): Outcome<number> {
    const precopy = this.#state === 'PRE_COPY' || this.#state === 'PRE_COPY_P2P';
    return this.setState(nowNs, precopy ? 'STOP_COPY' : 'STOP');
  }

  estimateBytes(_nowNs: number): number {
    return this.#estimate;
  }

  exactBytes(nowNs: number): number {
    this.#query(nowNs);
    return this.#config.stateBytes + this.#initialLeft + this.#dirtyLeft;
  }

  iterate(nowNs: number, maxBytes: number): number {
    if (!this.#inPrecopy()) return 0;
    this.#growDirty(nowNs);
    const ready = Math.floor((this.#config.readBytesPerSecond * (nowNs - this.#readAtNs)) / SECOND);
    const bytes = Math.min(maxBytes, ready, this.#initialLeft + this.#dirtyLeft);
    // A driver keeps at most one read ready; time in which nothing was asked for is not saved up.
    this.#readAtNs = nowNs;
    if (bytes === 0) {
      if (this.#initialLeft + this.#dirtyLeft === 0) this.#estimate = 0; // ENOMSG
      return 0;
    }
    const initial = Math.min(bytes, this.#initialLeft);
    this.#initialLeft -= initial;
    this.#dirtyLeft -= bytes - initial;
    this.#estimate = Math.max(0, this.#estimate - bytes);
    this.#bytesRead += bytes;
    return bytes;
  }

  initialSent(_nowNs: number): boolean {
    return !this.canPrecopy || (this.#inPrecopy() && this.#initialLeft === 0);
  }

  takeStopCopy(nowNs: number): number {
    if (this.#state === 'STOP') invariant(this.setState(nowNs, 'STOP_COPY').ok, 'STOP leads to STOP_COPY');
    invariant(this.#state === 'STOP_COPY', 'stop-copy data is read in STOP_COPY');
    const bytes = this.#config.stateBytes + this.#initialLeft + this.#dirtyLeft;
    this.#initialLeft = 0;
    this.#dirtyLeft = 0;
    this.#estimate = 0;
    this.#bytesRead += bytes;
    return bytes;
  }

  readNs(bytes: number): number {
    return Math.ceil((bytes * SECOND) / this.#config.readBytesPerSecond);
  }

  loadNs(bytes: number): number {
    return Math.ceil((bytes * SECOND) / this.#config.loadBytesPerSecond) + this.#config.resumeNs;
  }

  finish(nowNs: number): number {
    const done = this.setState(nowNs, 'STOP');
    return done.ok ? done.value : 0;
  }

  abort(nowNs: number): number {
    const back = this.setState(nowNs, 'RUNNING');
    return back.ok ? back.value : 0;
  }

  #inPrecopy(): boolean {
    return this.#state === 'PRE_COPY' || this.#state === 'PRE_COPY_P2P';
  }

  #arc(nowNs: number, next: DeviceState): number {
    const from = this.#state;
    this.#growDirty(nowNs);
    let durationNs = 0;
    if (next === 'PRE_COPY' && from === 'RUNNING') {
      this.#initialLeft = this.#config.initialBytes;
      this.#dirtyLeft = 0;
      this.#dirtyUntilNs = nowNs;
      this.#readAtNs = nowNs;
      this.#estimate = this.#initialLeft;
    } else if (stops(next) && !stops(from)) {
      durationNs = this.#config.stopNs;
      this.#dmaEndNs = Math.min(this.#dmaEndNs, nowNs + durationNs);
    } else if (!stops(next) && stops(from)) {
      durationNs = this.#config.resumeNs;
      this.#dmaEndNs = Infinity;
    }
    if (next === 'STOP_COPY') durationNs += Math.round(this.#costs.device_stop);
    if (next === 'RUNNING' || (next === 'STOP' && from === 'STOP_COPY')) this.#estimate = 0;
    this.#state = next;
    this.#emit({
      timeNs: nowNs,
      durationNs,
      kind: 'device-state',
      text: `${this.name}: ${from} → ${next}`,
      source: this.name,
      detail: { from, to: next },
    });
    return durationNs;
  }

  #query(nowNs: number): void {
    if (!this.#inPrecopy()) return;
    this.#growDirty(nowNs);
    this.#estimate = this.#initialLeft + this.#dirtyLeft;
  }

  #growDirty(nowNs: number): void {
    if (this.#state !== 'PRE_COPY') return;
    const grown = Math.floor((this.#config.dirtyBytesPerSecond * (nowNs - this.#dirtyUntilNs)) / SECOND);
    if (grown <= 0) return;
    this.#dirtyLeft = Math.min(this.#config.initialBytes, this.#dirtyLeft + grown);
    this.#dirtyUntilNs = nowNs;
  }
}

/** States in which a model does no DMA. */
function stops(state: DeviceState): boolean {
  return state !== 'RUNNING' && state !== 'PRE_COPY';
}
