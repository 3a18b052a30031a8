// From the experiment's migration section to the migration's own configuration.

import type { Costs } from '../core/costs.ts';
import { costsWith } from '../core/costs.ts';
import type { MigrationConfig } from '../migration/config.ts';
import { HOST_PROFILES } from './hosts.ts';
import type { Experiment } from './schema.ts';

/** Versions that sync every 5 s while auto-converge is on. */
const PERIODIC_SYNC_SINCE = 9.2;
const PERIODIC_SYNC_NS = 5e9;

/** Defaults, then the host profile, then the experiment's own overrides. */
export const costsOf = (experiment: Experiment): Costs => {
  const overrides: Record<string, number> = { ...HOST_PROFILES[experiment.host].costs };
  for (const [name, value] of Object.entries(experiment.costs)) if (value !== undefined) overrides[name] = value;
  return costsWith(overrides);
};

export function migrationConfig(experiment: Experiment, costs: Costs): MigrationConfig {
  const { migration } = experiment;
  const { auto_converge: autoConverge, dirty_limit: dirtyLimit, multifd, pause_before_switchover: pause } = migration;
  return {
    maxBandwidth: migration.bandwidth,
    linkBandwidth: migration.link,
    downtimeLimitNs: migration.downtime_limit,
    switchoverBandwidth: migration.switchover_bandwidth,
    timeoutNs: migration.timeout === 0 ? Infinity : migration.timeout,
    throttleTriggerPercent: autoConverge.threshold,
    autoConverge: autoConverge.enabled
      ? {
          initialPercent: autoConverge.initial,
          incrementPercent: autoConverge.increment,
          maxPercent: autoConverge.max,
          tailslow: autoConverge.tailslow,
          periodicSyncNs: Number(migration.qemu) >= PERIODIC_SYNC_SINCE ? PERIODIC_SYNC_NS : 0,
        }
      : null,
    dirtyLimit: dirtyLimit.enabled ? { quota: dirtyLimit.vcpu_limit, periodNs: dirtyLimit.period } : null,
    zeroPageDetection: migration.zero_pages,
    multifdChannels: multifd.enabled ? multifd.channels : 0,
    returnPath: migration.return_path,
    switchoverAck: migration.switchover_ack,
    pauseBeforeSwitchoverNs: pause.enabled ? pause.hold : null,
    costs: { ...costs, send_latency: costs.send_latency + migration.latency / 2 },
  };
}
