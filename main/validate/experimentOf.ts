// The experiment that matches a measured migration, built from its configuration and the guest's write rate before the
// migration; nothing that was measured later enters.

import { validateExperiment } from '../../engine/experiment/parse.ts';
import type { Experiment, ExperimentInput } from '../../engine/experiment/schema.ts';
import { invariant } from '../../engine/core/invariant.ts';
import { median } from '../../engine/experiment/stats/quantiles.ts';
import type { Measured, MeasuredConfig } from './measured.ts';

/** The guest's clock when `migrate` was given: it fills its memory, reports, and writes for this long. */
const RUN_BEFORE = '1710ms';

const pages = (count: number): string => `${count} pages`;
const percent = (value: number): string => `${value}%`;

type WorkloadInput = NonNullable<NonNullable<ExperimentInput['guest']>['workloads']>[number];

function workloadOf(config: MeasuredConfig, rate: number): WorkloadInput {
  const name = 'guest';
  if (config.pattern === 'idle' || (rate === 0 && !config.full_speed)) return { name, pattern: 'idle' };
  const paced = {
    name,
    rate: config.full_speed ? 'full' : `${rate} pages/s`,
    catch_up: `${config.catchup_ms}ms`,
  };
  const region = { offset: '2MiB', size: pages(config.working_set_pages) };
  const every = `${config.phase_ms ?? 1000}ms`;
  switch (config.pattern) {
    case 'seq':
      return { ...paced, region, pattern: 'sequential' };
    case 'uniform':
      return { ...paced, region, pattern: 'uniform' };
    case 'hotcold': {
      const share = percent((config.hot_write_share ?? 0.9) * 100);
      return { ...paced, region, pattern: 'hotcold', hot: { size: pages(config.hot_pages ?? 1), share } };
    }
    case 'window': {
      const whole = { ...region, size: pages(config.region_pages ?? config.working_set_pages) };
      return { ...paced, region: whole, pattern: 'window', window: { size: pages(config.working_set_pages), every } };
    }
    case 'burst':
      return { ...paced, region, pattern: 'burst', burst: { on: every, off: every } };
  }
}

export function experimentInputOf(measured: Measured, seed: number): ExperimentInput {
  const { config } = measured;
  const rate = measured.ratesBefore.length > 0 ? median(measured.ratesBefore) : config.target_page_writes_per_s;
  const fullSpeed = config.full_speed && rate > 0 ? { vcpu_page_write: `${(1e9 / rate).toFixed(1)}ns` } : {};
  return {
    name: measured.name,
    seed,
    host: measured.accelerator.startsWith('tcg') ? 'tcg-loopback' : 'default',
    guest: {
      memory: `${config.guest_memory_mib}MiB`,
      filled: pages(config.filled_pages),
      workloads: [workloadOf(config, rate)],
    },
    migration: {
      qemu: '7.2',
      start: RUN_BEFORE,
      bandwidth: `${config.max_bandwidth_bytes_per_s}B/s`,
      // Both ends are on one host: what a page costs is in the host profile.
      link: '1TiB/s',
      latency: '0ms',
      return_path: false,
      zero_pages: 'legacy',
      downtime_limit: `${config.downtime_limit_ms}ms`,
      timeout: `${config.cancel_after_s}s`,
      ...(config.multifd_channels > 0 ? { multifd: { channels: config.multifd_channels } } : {}),
      ...(config.xbzrle ? { xbzrle: true } : {}),
      ...(config.auto_converge
        ? {
            auto_converge: {
              initial: percent(config.cpu_throttle_initial_pct ?? 20),
              increment: percent(config.cpu_throttle_increment_pct ?? 10),
              max: percent(config.max_cpu_throttle_pct ?? 99),
              threshold: percent(config.throttle_trigger_threshold_pct ?? 50),
            },
          }
        : {}),
    },
    costs: fullSpeed,
    sampling: '100ms',
    limits: { simulated: '10min' },
  };
}

export function experimentOf(measured: Measured, seed: number): Experiment {
  const checked = validateExperiment(experimentInputOf(measured, seed));
  if (checked.ok) return checked.experiment;
  const first = checked.findings[0];
  invariant(first !== undefined, 'a refused experiment has a reason');
  throw new Error(`${measured.file}: no experiment matches it: ${first.path.map(String).join('.')}: ${first.message}`);
}
