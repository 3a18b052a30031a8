// The configuration of a measured migration as a prediction reads it. What is absent or null has QEMU's default, or the
// one of the measured guests. What is said and not known is named, so that nobody takes it for considered.

import * as z from 'zod';
import { MIB, PAGE_SIZE } from '../../engine/core/units.ts';
import { checked } from '../import/json.ts';
import type { MeasuredFile } from '../import/measured-file.ts';
import { ImportError } from '../import/problem.ts';

const MAX_BANDWIDTH_DEFAULT = 128 * MIB;
const DOWNTIME_LIMIT_MS_DEFAULT = 300;
const MULTIFD_CHANNELS_DEFAULT = 2;
const CATCH_UP_MS_DEFAULT = 20;
/** A measurement that does not say when it gives up: guestperf's max_time. */
const CANCEL_AFTER_S_DEFAULT = 300;
/** Of guest memory the first and the last 2 MiB are never filled. */
const UNFILLED_PAGES = (4 * MIB) / PAGE_SIZE;

/** Missing and null are the same. */
const known = <Schema extends z.ZodType>(schema: Schema): z.ZodType<z.output<Schema> | undefined> =>
  schema.nullish().transform((value) => value ?? undefined);
const count = known(z.number().int().min(0).max(Number.MAX_SAFE_INTEGER));
const amount = known(z.number().min(0).max(1e15));
const percent = known(z.number().min(1).max(99));
const share = known(z.number().min(0).max(1));
const flag = known(z.boolean());

const PATTERNS = ['idle', 'seq', 'uniform', 'hotcold', 'window', 'burst', 'zipf'] as const;
const pattern = z.preprocess((value) => (value === 'sequential' ? 'seq' : value), z.enum(PATTERNS));

const configSchema = z.object({
  guest_memory_mib: z
    .number()
    .int()
    .min(4)
    .max(4 * MIB),
  vcpus: count,
  guest_filled_fraction: share,
  filled_pages: count,
  pattern,
  working_set_pages: count,
  target_page_writes_per_s: amount,
  full_speed: flag,
  catchup_ms: amount,
  hot_pages: count,
  hot_write_share: share,
  phase_ms: amount,
  region_pages: count,
  zipf_skew: known(z.number().min(0).max(5)),
  max_bandwidth_bytes_per_s: amount,
  avail_switchover_bandwidth_bytes_per_s: amount,
  downtime_limit_ms: amount,
  cancel_after_s: amount,
  return_path: flag,
  zero_page_detection: known(z.enum(['none', 'legacy', 'multifd'])),
  multifd: flag,
  multifd_channels: known(z.number().int().min(0).max(255)),
  xbzrle: flag,
  xbzrle_cache_bytes: count,
  auto_converge: flag,
  cpu_throttle_initial_pct: percent,
  cpu_throttle_increment_pct: percent,
  max_cpu_throttle_pct: percent,
  cpu_throttle_tailslow: flag,
  throttle_trigger_threshold_pct: known(z.number().min(1).max(100)),
  dirty_limit: flag,
  vcpu_dirty_limit_mib_s: amount,
  vcpu_dirty_limit_period_ms: amount,
  postcopy: flag,
  postcopy_after_ms: amount,
  postcopy_preempt: flag,
  max_postcopy_bandwidth_bytes_per_s: amount,
  mapped_ram: flag,
  // Said, and of no effect on a prediction: both ends are on one host.
  transport: known(z.string()),
});

type Config = z.output<typeof configSchema>;
/** What every configuration has, said or not. */
type Defaulted =
  | 'filled_pages'
  | 'working_set_pages'
  | 'target_page_writes_per_s'
  | 'full_speed'
  | 'catchup_ms'
  | 'max_bandwidth_bytes_per_s'
  | 'downtime_limit_ms'
  | 'cancel_after_s'
  | 'multifd_channels';
/** With every default filled in that does not depend on the version of QEMU. */
export type MeasuredConfig = Omit<Config, Defaulted> & { readonly [Key in Defaulted]: NonNullable<Config[Key]> };

export interface ReadConfig {
  readonly config: MeasuredConfig;
  /** Fields with a value that are not known here. */
  readonly unknown: readonly string[];
}

export function readConfig({ config: said }: MeasuredFile, file: string): ReadConfig {
  const config = checked(configSchema, said, file, { path: 'config' });
  const unknown = Object.entries(said).flatMap(([key, value]) =>
    value === null || Object.hasOwn(configSchema.shape, key) ? [] : [`config.${key}`],
  );
  const wrong = (key: keyof Config, why: string): never => {
    throw new ImportError(file, { path: `config.${key}` }, why);
  };

  const pages = (config.guest_memory_mib * MIB) / PAGE_SIZE;
  const fillable = Math.max(0, pages - UNFILLED_PAGES);
  const filled = config.filled_pages ?? Math.floor(fillable * (config.guest_filled_fraction ?? 0));
  const room = pages - UNFILLED_PAGES / 2;
  if (filled > room) wrong('filled_pages', `${filled} pages do not fit the ${room} of the guest above 2 MiB`);
  const workingSet = config.working_set_pages ?? 0;
  if (config.pattern !== 'idle') {
    if (workingSet === 0) wrong('working_set_pages', `a guest that writes "${config.pattern}" has a working set`);
    if (workingSet > room) wrong('working_set_pages', `${workingSet} pages do not fit the ${room} above 2 MiB`);
    if (config.pattern === 'hotcold' && (config.hot_pages === undefined || config.hot_pages > workingSet))
      wrong('hot_pages', `expected a number of pages up to working_set_pages, ${workingSet}`);
    if (config.pattern === 'window' && (config.region_pages ?? workingSet) > room)
      wrong('region_pages', `${config.region_pages} pages do not fit the ${room} above 2 MiB`);
    if ((config.region_pages ?? workingSet) < workingSet && config.pattern === 'window')
      wrong('region_pages', `is smaller than the window, ${workingSet} pages`);
  }
  const target = config.target_page_writes_per_s ?? 0;
  return {
    unknown,
    config: {
      ...config,
      filled_pages: filled,
      working_set_pages: workingSet,
      target_page_writes_per_s: target,
      full_speed: config.full_speed ?? (config.pattern !== 'idle' && target === 0),
      catchup_ms: config.catchup_ms ?? CATCH_UP_MS_DEFAULT,
      max_bandwidth_bytes_per_s: config.max_bandwidth_bytes_per_s ?? MAX_BANDWIDTH_DEFAULT,
      downtime_limit_ms: config.downtime_limit_ms ?? DOWNTIME_LIMIT_MS_DEFAULT,
      cancel_after_s: config.cancel_after_s ?? CANCEL_AFTER_S_DEFAULT,
      multifd_channels: config.multifd_channels ?? (config.multifd === true ? MULTIFD_CHANNELS_DEFAULT : 0),
    },
  };
}
