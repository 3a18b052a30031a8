// Host profiles: named sets of constants that replace defaults of the cost table. `default` replaces none.
// A profile that was calibrated on a real host says so in its source.

import type { CostName } from '../core/costs.ts';

export interface HostProfile {
  readonly title: string;
  readonly source: string;
  readonly costs: Readonly<Partial<Record<CostName, number>>>;
}

export const HOST_PROFILES = {
  default: { title: 'the lab’s assumptions', source: 'the cost table', costs: {} },
} as const satisfies Record<string, HostProfile>;

export type HostName = keyof typeof HOST_PROFILES;
export const HOST_NAMES = Object.keys(HOST_PROFILES) as readonly HostName[];
