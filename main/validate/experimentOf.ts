// The experiment that matches a measured migration, built from its configuration and the guest's write rate before the
// migration; nothing that was measured later enters.

import { COSTS, type CostName } from '../../engine/core/costs.ts';
import { HOST_PROFILES, type HostName } from '../../engine/experiment/hosts.ts';
import { validateExperiment } from '../../engine/experiment/parse.ts';
import type { Experiment, ExperimentInput } from '../../engine/experiment/schema.ts';
import { invariant } from '../../engine/core/invariant.ts';
import { median } from '../../engine/experiment/stats/quantiles.ts';
import { ImportError } from '../import/problem.ts';
import type { MeasuredConfig } from './config.ts';
import type { Measured } from './measured.ts';

/**
 * The guest's clock when `migrate` was given: it fills its memory, reports, and writes for this long. Repeats of the
 * measurements lie between 1700 and 1720 ms; so do the seeds.
 */
const RUN_BEFORE_MS = [1703, 1707, 1711, 1715, 1719] as const;
/** More than start and blackout take: a run ends by its timeout. */
const MARGIN_S = 60;
const SIMULATED_S_DEFAULT = 600;
const SIMULATED_S_MAX = 24 * 3600;

const pages = (count: number): string => `${count} pages`;
const percent = (value: number): string => `${value}%`;
const ms = (value: number): string => `${value}ms`;
/** Without an exponent, and no finer than anything that can be measured. */
const decimal = (value: number): string => String(Math.round(value * 1000) / 1000);

type WorkloadInput = NonNullable<NonNullable<ExperimentInput['guest']>['workloads']>[number];

/**
 * What the guest writes while it writes. A mean over a second or two says little of a guest that pauses: it is paced by what
 * it was asked, unless it could not keep that up even while writing.
 */
function pacedRate(config: MeasuredConfig, measured: number): number {
  const { target_page_writes_per_s: target } = config;
  return config.pattern === 'burst' && !config.full_speed && measured < target * BURST_RATE_TRUSTED ? target : measured;
}
/** A burst guest that is on half the time shows about half of what it was asked. */
const BURST_RATE_TRUSTED = 0.75;

function workloadOf(config: MeasuredConfig, measured: number, vcpus: number): WorkloadInput {
  const name = 'guest';
  if (config.pattern === 'idle' || (measured === 0 && !config.full_speed)) return { name, pattern: 'idle' };
  const paced = {
    ...{ name, vcpus, catch_up: ms(config.catchup_ms) },
    rate: config.full_speed ? 'full' : `${decimal(pacedRate(config, measured))} pages/s`,
  };
  const region = { offset: '2MiB', size: pages(config.working_set_pages) };
  const every = ms(config.phase_ms ?? 1000);
  switch (config.pattern) {
    case 'seq':
      return { ...paced, region, pattern: 'sequential' };
    case 'uniform':
      return { ...paced, region, pattern: 'uniform' };
    case 'hotcold': {
      const share = percent((config.hot_write_share ?? 0.9) * 100);
      return { ...paced, region, pattern: 'hotcold', hot: { size: pages(config.hot_pages ?? 1), share } };
    }
    case 'zipf':
      return { ...paced, region, pattern: 'zipf', skew: config.zipf_skew ?? 0.99 };
    case 'window': {
      const whole = { ...region, size: pages(config.region_pages ?? config.working_set_pages) };
      return { ...paced, region: whole, pattern: 'window', window: { size: pages(config.working_set_pages), every } };
    }
    case 'burst':
      return { ...paced, region, pattern: 'burst', burst: { on: every, off: every } };
  }
}

const VERSIONS = ['7.2', '8.2', '9.0', '9.2', '10.0', '10.2', '11.0'] as const;
/** The newest known version that is not newer; without one, the oldest: it decides as all before it did. */
function knownVersion(said: string): (typeof VERSIONS)[number] {
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(said) ?? []).slice(1).map(Number);
  const notNewer = VERSIONS.filter((version) => {
    const [knownMajor = 0, knownMinor = 0] = version.split('.').map(Number);
    return knownMajor < major || (knownMajor === major && knownMinor <= minor);
  });
  return notNewer.at(-1) ?? VERSIONS[0];
}

type MigrationInput = NonNullable<ExperimentInput['migration']>;

function migrationOf(config: MeasuredConfig, qemu: (typeof VERSIONS)[number], seed: number): MigrationInput {
  const [before8, before9] = [Number(qemu) < 8, Number(qemu) < 9];
  const rate = (bytesPerSecond: number): string => `${decimal(bytesPerSecond)}B/s`;
  return {
    qemu,
    start: ms(RUN_BEFORE_MS[seed % RUN_BEFORE_MS.length]!),
    bandwidth: rate(config.max_bandwidth_bytes_per_s),
    // Both ends are on one host: what a page costs is in the host profile.
    link: '1TiB/s',
    latency: '0ms',
    return_path: config.return_path ?? false,
    zero_pages: config.zero_page_detection ?? (before9 ? 'legacy' : 'multifd'),
    downtime_limit: ms(config.downtime_limit_ms),
    switchover_bandwidth: rate(config.avail_switchover_bandwidth_bytes_per_s ?? 0),
    timeout: `${decimal(config.cancel_after_s)}s`,
    ...(config.multifd_channels > 0
      ? { multifd: { channels: config.multifd_channels, flush_each_section: before8 } }
      : {}),
    ...(config.xbzrle === true ? { xbzrle: { cache: `${config.xbzrle_cache_bytes ?? 64 * 2 ** 20}B` } } : {}),
    ...(config.auto_converge === true
      ? {
          auto_converge: {
            initial: percent(config.cpu_throttle_initial_pct ?? 20),
            increment: percent(config.cpu_throttle_increment_pct ?? 10),
            max: percent(config.max_cpu_throttle_pct ?? 99),
            threshold: percent(config.throttle_trigger_threshold_pct ?? 50),
            tailslow: config.cpu_throttle_tailslow ?? false,
          },
        }
      : {}),
    ...(config.dirty_limit === true
      ? {
          dirty_limit: {
            vcpu_limit: `${config.vcpu_dirty_limit_mib_s ?? 1}MiB/s`,
            period: ms(config.vcpu_dirty_limit_period_ms ?? 1000),
          },
        }
      : {}),
    ...(config.postcopy === true
      ? {
          postcopy: {
            after: ms(config.postcopy_after_ms ?? 0),
            bandwidth: rate(config.max_postcopy_bandwidth_bytes_per_s ?? 0),
            preempt: config.postcopy_preempt ?? false,
          },
        }
      : {}),
    ...(config.mapped_ram === true ? { mapped_ram: true } : {}),
  };
}

/**
 * A channel keeps a CPU busy at each end. Where both ends share a host, no more channels than half its CPUs copy side by
 * side, and the others wait for their turn.
 */
function channelCosts({ config, environment }: Measured, host: HostName): NonNullable<ExperimentInput['costs']> {
  const { multifd_channels: channels } = config;
  const { sharedCpus } = environment;
  if (channels === 0 || sharedCpus === null) return {};
  const inTurn = channels / Math.min(channels, Math.max(1, Math.floor(sharedCpus / 2)));
  const profile: Partial<Record<CostName, number>> = HOST_PROFILES[host].costs;
  const slowed = (name: CostName): string => `${Math.round((profile[name] ?? COSTS[name].value) * inTurn)}ns`;
  return { page_send_multifd: slowed('page_send_multifd'), page_send_stopped: slowed('page_send_stopped') };
}

/** A page write takes between these, ns. */
const [WRITE_NS_MIN, WRITE_NS_MAX] = [1, 1e6];

export function experimentInputOf(measured: Measured, seed: number): ExperimentInput {
  const { config, environment } = measured;
  const vcpus = Math.max(1, environment.vcpus);
  const rate = measured.ratesBefore.length > 0 ? median(measured.ratesBefore) : config.target_page_writes_per_s;
  const writeNs = Math.min(WRITE_NS_MAX, Math.max(WRITE_NS_MIN, (1e9 * vcpus) / rate));
  const fullSpeed = config.full_speed && rate > 0 ? { vcpu_page_write: `${writeNs.toFixed(1)}ns` } : {};
  const simulatedS = config.cancel_after_s + MARGIN_S;
  const host = /\btcg\b/i.test(environment.accelerator) ? 'tcg-loopback' : 'default';
  return {
    name: measured.name,
    seed,
    host,
    guest: {
      memory: `${config.guest_memory_mib}MiB`,
      filled: pages(config.filled_pages),
      vcpus,
      workloads: [workloadOf(config, rate, vcpus)],
    },
    ...(config.dirty_limit === true ? { tracking: { vcpus: 'dirty-ring' } } : {}),
    migration: migrationOf(config, knownVersion(environment.qemu), seed),
    costs: { ...fullSpeed, ...channelCosts(measured, host) },
    sampling: simulatedS > SIMULATED_S_DEFAULT ? '10s' : '100ms',
    limits: { simulated: `${Math.min(SIMULATED_S_MAX, Math.max(SIMULATED_S_DEFAULT, Math.ceil(simulatedS)))}s` },
  };
}

/** Whose value it is that an experiment cannot have. */
const FIELD_OF: readonly (readonly [path: string, field: keyof MeasuredConfig])[] = [
  ['guest.memory', 'guest_memory_mib'],
  ['guest.filled', 'filled_pages'],
  ['guest.vcpus', 'vcpus'],
  ['guest.workloads.0.vcpus', 'vcpus'],
  ['guest.workloads.0.catch_up', 'catchup_ms'],
  ['guest.workloads.0.rate', 'target_page_writes_per_s'],
  ['guest.workloads.0.hot', 'hot_pages'],
  ['guest.workloads.0.window.every', 'phase_ms'],
  ['guest.workloads.0.burst', 'phase_ms'],
  ['guest.workloads.0', 'working_set_pages'],
  ['migration.bandwidth', 'max_bandwidth_bytes_per_s'],
  ['migration.switchover_bandwidth', 'avail_switchover_bandwidth_bytes_per_s'],
  ['migration.downtime_limit', 'downtime_limit_ms'],
  ['migration.timeout', 'cancel_after_s'],
  ['migration.multifd', 'multifd_channels'],
  ['migration.xbzrle.cache', 'xbzrle_cache_bytes'],
  ['migration.xbzrle', 'xbzrle'],
  ['migration.auto_converge.max', 'max_cpu_throttle_pct'],
  ['migration.auto_converge', 'auto_converge'],
  ['migration.dirty_limit', 'dirty_limit'],
  ['migration.postcopy', 'postcopy'],
  ['migration.mapped_ram', 'mapped_ram'],
];

/** Throws ImportError where no experiment can have the configuration. */
export function experimentOf(measured: Measured, seed: number): Experiment {
  const checked = validateExperiment(experimentInputOf(measured, seed));
  if (checked.ok) return checked.experiment;
  const first = checked.findings[0];
  invariant(first !== undefined, 'a refused experiment has a reason');
  const path = first.path.map(String).join('.');
  const field = FIELD_OF.find(([prefix]) => path === prefix || path.startsWith(`${prefix}.`))?.[1];
  throw new ImportError(measured.file, { path: field === undefined ? 'config' : `config.${field}` }, first.message);
}
