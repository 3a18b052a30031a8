// Host profiles: named sets of constants that replace defaults of the cost table. `default` replaces none.
// A profile that was calibrated on a real host says so in its source.

import type { CostName } from '../core/costs.ts';

export interface HostProfile {
  readonly title: string;
  readonly source: string;
  readonly costs: Readonly<Partial<Record<CostName, number>>>;
  /** Names of the measured migrations it was taken from: a prediction of these proves nothing. */
  readonly calibratedFrom: readonly string[];
}

export const HOST_PROFILES = {
  default: { title: 'the lab’s assumptions', source: 'the cost table', costs: {}, calibratedFrom: [] },
  'tcg-loopback': {
    title: 'QEMU 7.2 under TCG, both ends on one host of 2 CPUs',
    source:
      'calibrated by `brownout validate --calibrate` from five idle migrations (test/fixtures/measured: idle-*). The last ' +
      'three are TCG’s ways, which no idle run shows: throttled vCPUs and first writes after a sync, from the ' +
      'observations published with the measurements (shares of a throttled guest; syncs of 0.79 s at 99 %). No idle run uses ' +
      'multifd: a channel is taken to copy as the main one does.',
    costs: {
      setup: 2_943_000,
      rate_slack: 397_500,
      zero_page: 257,
      page_send: 3271,
      page_send_stopped: 3271,
      page_send_multifd: 3271,
      page_unbacked: 12_211,
      unbacked_share: 0.27,
      device_state_other: 1_703_440,
      resume: 4_791_000,
      sync_waits_vcpu: 1,
      throttle_wake: 900_000,
      wp_fault: 600,
    },
    calibratedFrom: [
      'idle-1024-full',
      'idle-128-full-bw16',
      'idle-2048-empty',
      'idle-512-full-uncapped',
      'idle-512-full-unix-uncapped',
    ],
  },
} as const satisfies Record<string, HostProfile>;

export type HostName = keyof typeof HOST_PROFILES;
export const HOST_NAMES = Object.keys(HOST_PROFILES) as [HostName, ...HostName[]];
