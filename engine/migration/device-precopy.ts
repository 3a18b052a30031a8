// Devices while the guest runs: what they say is still to come, and their pre-copy data on the main channel.
// (QEMU 9.2, hw/vfio/migration.c vfio_state_pending_estimate(), vfio_state_pending_exact(), vfio_save_iterate().)
//
// The estimate is what the last query said less what was read since; the exact size asks again and has the stop-copy data in it.
// Each iteration reads one buffer of each device, one after another.

import type { MigratableDevice } from '../core/ports.ts';
import { deviceStateBytes } from './blackout.ts';
import type { StreamCounters } from './stream.ts';
import { VFIO_BUFFER_BYTES } from './wire.ts';

export class DevicePrecopy {
  readonly #devices: () => readonly MigratableDevice[];
  readonly #counters: StreamCounters;
  readonly #linkBandwidth: number;
  readonly #sent = new Map<string, number>();

  /** `devices`: those that are plugged now. */
  constructor(devices: () => readonly MigratableDevice[], counters: StreamCounters, linkBandwidth: number) {
    this.#devices = devices;
    this.#counters = counters;
    this.#linkBandwidth = linkBandwidth;
  }

  /** State that went out already, by device. */
  get sentBytes(): ReadonlyMap<string, number> {
    return this.#sent;
  }

  estimateBytes(nowNs: number): number {
    return this.#devices().reduce((sum, device) => sum + device.estimateBytes(nowNs), 0);
  }

  exactBytes(nowNs: number): number {
    return this.#devices().reduce((sum, device) => sum + device.exactBytes(nowNs), 0);
  }

  /** Whether all initial data went out: with switchover-ack nothing stops before that. */
  initialSent(nowNs: number): boolean {
    return this.#devices().every((device) => device.initialSent(nowNs));
  }

  /** One read of each; returns how long that took. */
  iterate(nowNs: number): number {
    let ns = 0;
    for (const device of this.#devices()) {
      if (!device.canPrecopy) continue;
      const data = device.iterate(nowNs + Math.round(ns), VFIO_BUFFER_BYTES);
      if (data === 0) continue;
      const bytes = deviceStateBytes(data);
      this.#counters.deviceBytes += bytes;
      this.#sent.set(device.name, (this.#sent.get(device.name) ?? 0) + data);
      ns += (bytes / this.#linkBandwidth) * 1e9;
    }
    return Math.round(ns);
  }
}
