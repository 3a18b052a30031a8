// What QEMU says of a migration at one moment, in our units, whoever wrote it down.
//
// Sources: query-migrate (qapi/migration.json, MigrationInfo and MigrationStats), which guestperf reports and libvirt's
// job info relabel. A figure that is absent is null.

import * as z from 'zod';
import { NS_PER_MS, PAGE_SIZE } from '../../engine/core/units.ts';
import type { Known } from '../../engine/experiment/result.ts';

export interface Figures {
  /** QEMU's MigrationStatus; '' where nobody said. */
  readonly status: string;
  /** Since the start of the migration, as QEMU counts it. */
  readonly elapsedNs: Known;
  readonly setupNs: Known;
  readonly downtimeNs: Known;
  readonly expectedDowntimeNs: Known;
  /** CPU throttling; 0 = none. */
  readonly throttlePercent: Known;
  readonly sentBytes: Known;
  readonly remainingBytes: Known;
  /** All RAM, firmware included. */
  readonly ramBytes: Known;
  readonly normalPages: Known;
  readonly normalBytes: Known;
  readonly zeroPages: Known;
  readonly dirtyPagesPerSecond: Known;
  readonly bytesPerSecond: Known;
  /** dirty-sync-count. */
  readonly syncs: Known;
  readonly pageBytes: Known;
  readonly multifdBytes: Known;
  readonly xbzrleBytes: Known;
  readonly postcopyRequests: Known;
  readonly deviceBytes: Known;
  readonly errorText: string | null;
}

export const NO_FIGURES: Figures = {
  status: '',
  elapsedNs: null,
  setupNs: null,
  downtimeNs: null,
  expectedDowntimeNs: null,
  throttlePercent: null,
  sentBytes: null,
  remainingBytes: null,
  ramBytes: null,
  normalPages: null,
  normalBytes: null,
  zeroPages: null,
  dirtyPagesPerSecond: null,
  bytesPerSecond: null,
  syncs: null,
  pageBytes: null,
  multifdBytes: null,
  xbzrleBytes: null,
  postcopyRequests: null,
  deviceBytes: null,
  errorText: null,
};

/** Largest count believed: doubles are exact so far. */
const COUNT_MAX = Number.MAX_SAFE_INTEGER;
/** Largest time believed, ms: 10 years. */
const MS_MAX = 10 * 365 * 86_400_000;

export const countSchema = z.number().int().min(0).max(COUNT_MAX);
export const millisecondsSchema = z.number().min(0).max(MS_MAX);
export const percentSchema = z.number().min(0).max(100);
/** A rate: finite, not negative, and no more than 2^53 of anything a second. */
export const rateSchema = z.number().min(0).max(COUNT_MAX);
/**
 * A rate in Mbit/s. QEMU divides by a time that may be 0, and prints the result as it comes; -1 is its initial value
 * (migration/migration.c: s->mbps = -1).
 */
const mbpsSchema = z.number().min(-1).max(1e9);

export const migrateSchema = z.object({
  status: z.string().max(40).optional(),
  'total-time': millisecondsSchema.optional(),
  'setup-time': millisecondsSchema.optional(),
  downtime: millisecondsSchema.optional(),
  'expected-downtime': millisecondsSchema.optional(),
  'cpu-throttle-percentage': percentSchema.optional(),
  'error-desc': z.string().max(10_000).optional(),
  ram: z
    .object({
      transferred: countSchema.optional(),
      remaining: countSchema.optional(),
      total: countSchema.optional(),
      duplicate: countSchema.optional(),
      normal: countSchema.optional(),
      'normal-bytes': countSchema.optional(),
      'dirty-pages-rate': countSchema.optional(),
      mbps: mbpsSchema.optional(),
      'dirty-sync-count': countSchema.optional(),
      'postcopy-requests': countSchema.optional(),
      'page-size': countSchema.optional(),
      'multifd-bytes': countSchema.optional(),
    })
    .optional(),
  'xbzrle-cache': z.object({ bytes: countSchema.optional() }).optional(),
  vfio: z.object({ transferred: countSchema.optional() }).optional(),
});
export type MigrateAnswer = z.output<typeof migrateSchema>;

export function figuresOfMigrate(answer: MigrateAnswer): Figures {
  const { ram } = answer;
  const mbps = ram?.mbps;
  return {
    status: answer.status ?? '',
    elapsedNs: nsOfMs(answer['total-time']),
    setupNs: nsOfMs(answer['setup-time']),
    downtimeNs: nsOfMs(answer.downtime),
    expectedDowntimeNs: nsOfMs(answer['expected-downtime']),
    throttlePercent: answer['cpu-throttle-percentage'] ?? (ram === undefined ? null : 0),
    sentBytes: ram?.transferred ?? null,
    remainingBytes: ram?.remaining ?? null,
    ramBytes: ram?.total ?? null,
    normalPages: ram?.normal ?? null,
    normalBytes: ram?.['normal-bytes'] ?? null,
    zeroPages: ram?.duplicate ?? null,
    dirtyPagesPerSecond: ram?.['dirty-pages-rate'] ?? null,
    bytesPerSecond: mbps === undefined || mbps < 0 ? null : (mbps * 1e6) / 8,
    syncs: ram?.['dirty-sync-count'] ?? null,
    pageBytes: ram?.['page-size'] ?? null,
    multifdBytes: ram?.['multifd-bytes'] ?? null,
    xbzrleBytes: answer['xbzrle-cache']?.bytes ?? null,
    postcopyRequests: ram?.['postcopy-requests'] ?? null,
    deviceBytes: answer.vfio?.transferred ?? null,
    errorText: answer['error-desc'] ?? null,
  };
}

export const nsOfMs = (ms: number | null | undefined): Known =>
  ms === null || ms === undefined ? null : Math.round(ms * NS_PER_MS);

/** Pages left, whole: `remaining` is a multiple of the page size. */
export const pagesLeft = ({ remainingBytes, pageBytes }: Figures): Known =>
  remainingBytes === null ? null : Math.round(remainingBytes / (pageBytes ?? PAGE_SIZE));

/** Statuses after which nothing changes any more. */
export const isFinal = (status: string): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled';
