// What a migration is given: the guest as far as it touches it, trackers, devices, and whom it tells what.

import type { EmitEvent, MigratableDevice } from '../core/ports.ts';
import type { MigrationConfig } from './config.ts';
import type { Brakes } from './convergence.ts';
import type { Postcopy } from './postcopy.ts';
import type { RamSaveConfig } from './ramsave.ts';
import type { XbzrleConfig } from './xbzrle.ts';

/** The guest, as far as a migration touches it. */
export interface GuestControl extends Brakes {
  stop(nowNs: number): void;
  resume(nowNs: number): void;
  /** Runs at the destination, where pages may be missing. */
  resumeThere(nowNs: number, postcopy: Postcopy): void;
  /** All vCPUs lose this much time. */
  stall(ns: number): void;
  /** Time until every throttled vCPU is awake. */
  asleepNs(nowNs: number): number;
}

export interface MigrationParts {
  readonly config: MigrationConfig;
  readonly ram: RamSaveConfig;
  readonly devices: readonly MigratableDevice[];
  readonly guest: GuestControl;
  /** null: off. */
  readonly xbzrle: XbzrleConfig | null;
  readonly emit: EmitEvent;
  /** The migration begins: the destination has nothing yet. */
  readonly begin: () => void;
  /** The guest was stopped for the blackout, or the migration ended before it. */
  readonly stopped: () => void;
  /** A moment that changes can be tied to: setup, precopy, switchover, stop, resume, end, round N. */
  readonly moment: (nowNs: number, name: string) => void;
  /** The status became final and the guest runs, here or there. */
  readonly ended: (nowNs: number) => void;
}
