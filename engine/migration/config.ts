// What a migration is told, in base units: bytes, bytes per second, nanoseconds. Names follow QEMU's parameters and capabilities.

import type { Costs } from '../core/costs.ts';

export interface AutoConvergeConfig {
  readonly initialPercent: number;
  readonly incrementPercent: number;
  readonly maxPercent: number;
  readonly tailslow: boolean;
  /** The sync every 5 s while throttling is possible (since 9.2); 0 = none. */
  readonly periodicSyncNs: number;
}

export interface DirtyLimitConfig {
  /** Bytes per second and vCPU. */
  readonly quota: number;
  readonly periodNs: number;
}

export interface PostcopyConfig {
  /** When migrate-start-postcopy is given, after the start. */
  readonly afterNs: number;
  /** Bytes per second in the background; 0 = unlimited. */
  readonly bandwidth: number;
  readonly preempt: boolean;
}

export type ZeroPageDetection = 'none' | 'legacy' | 'multifd';

export interface MigrationConfig {
  /** Bytes per second; 0 = unlimited. */
  readonly maxBandwidth: number;
  /** Bytes per second that the network carries; Infinity = no bound but the sender's own. */
  readonly linkBandwidth: number;
  readonly downtimeLimitNs: number;
  readonly switchoverBandwidth: number;
  /** The lab's own: cancel after this time; Infinity = never. */
  readonly timeoutNs: number;
  readonly throttleTriggerPercent: number;
  readonly autoConverge: AutoConvergeConfig | null;
  readonly dirtyLimit: DirtyLimitConfig | null;
  readonly zeroPageDetection: ZeroPageDetection;
  /** 0 = off. */
  readonly multifdChannels: number;
  readonly multifdZeroCopy: boolean;
  /** The synchronisation of QEMU before 8.0: at the end of every section. */
  readonly multifdFlushEachSection: boolean;
  /** The rate window counts a packet when a channel has written it (since 8.1), not when it is queued. */
  readonly multifdCountedWhenWritten: boolean;
  /** Device state travels on the channels, all devices at once (10.0). */
  readonly multifdDeviceState: boolean;
  readonly postcopy: PostcopyConfig | null;
  /** Bytes per second that the file takes; null = off. */
  readonly mappedRamRate: number | null;
  readonly returnPath: boolean;
  readonly switchoverAck: boolean;
  /** null = off; how long the management waits before migrate-continue. */
  readonly pauseBeforeSwitchoverNs: number | null;
  readonly costs: Costs;
}

/** QEMU 9.2's defaults (migration/options.c). */
export const MIGRATION_DEFAULTS = {
  maxBandwidth: 128 * 1024 * 1024,
  linkBandwidth: Infinity,
  downtimeLimitNs: 300e6,
  switchoverBandwidth: 0,
  timeoutNs: Infinity,
  throttleTriggerPercent: 50,
  autoConverge: null,
  dirtyLimit: null,
  zeroPageDetection: 'multifd',
  multifdChannels: 0,
  multifdZeroCopy: false,
  multifdFlushEachSection: false,
  multifdCountedWhenWritten: true,
  multifdDeviceState: false,
  postcopy: null,
  mappedRamRate: null,
  returnPath: false,
  switchoverAck: false,
  pauseBeforeSwitchoverNs: null,
} as const satisfies Omit<MigrationConfig, 'costs'>;

export const AUTO_CONVERGE_DEFAULTS: AutoConvergeConfig = {
  initialPercent: 20,
  incrementPercent: 10,
  maxPercent: 99,
  tailslow: false,
  periodicSyncNs: 5e9,
};
