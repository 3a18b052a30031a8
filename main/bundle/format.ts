// The `.brownout` bundle: one run with all that is needed to look at it and to make it again. docs/bundle.md describes it for
// others; both change together.
//
// A ZIP file, so that anyone can open it: manifest.json (what the run is, and the length and SHA-256 of every other member),
// experiment.yaml (as it was written), summary.json, events.jsonl, samples/0001.arrows … (Arrow IPC streams), heat.json.
import * as z from 'zod';
import { HEAT_KINDS } from '../contract/heatFrame.ts';
import { MAX_HEAT_COLUMNS, MAX_HEAT_LAYERS, MAX_HEAT_ROWS } from '../contract/limits.ts';
import { expectResultSchema, seriesInfoSchema, summarySchema } from '../contract/runs.ts';

export const BUNDLE_FORMAT = 'brownout bundle';
/** Changes when a reader of the old form would be misled; further members and fields may come at any time. */
export const BUNDLE_VERSION = 1;

export const MANIFEST = 'manifest.json';
export const EXPERIMENT = 'experiment.yaml';
export const SUMMARY = 'summary.json';
export const EVENTS = 'events.jsonl';
export const HEAT = 'heat.json';
export const samplesMember = (number: number): string => `samples/${String(number).padStart(4, '0')}.arrows`;
export const SAMPLES = /^samples\/\d{4}\.arrows$/;

/** Of samples in one member before they are compressed: what a reader may have to hold. */
export const SAMPLES_BYTES = 128 * 2 ** 20;
const ROW_SLACK = 64 * 2 ** 20;

/** What a reader takes at most, each far above what a run comes to. */
export const LIMITS = {
  fileBytes: 4 * 2 ** 30 - 1,
  members: 2000,
  /** Of one member, unpacked. */
  memberBytes: (name: string): number => {
    if (SAMPLES.test(name)) return SAMPLES_BYTES + ROW_SLACK;
    if (name === EVENTS) return 8 * 2 ** 30;
    if (name === HEAT) return 32 * 2 ** 20;
    if (name === EXPERIMENT) return 16 * 2 ** 20;
    return 16 * 2 ** 20;
  },
  /** All members together, unpacked. */
  unpackedBytes: 64 * 2 ** 30,
  /** Unpacked over packed, of the whole file: samples come to about 10, the same value for ever to 100. */
  ratio: 400,
  /** Below this a ratio proves nothing. */
  ratioFromBytes: 64 * 2 ** 20,
  eventLineChars: 1024 * 1024,
  series: 10_000,
} as const;

const text = (most: number): z.ZodString => z.string().max(most);
const count = z.int().min(0);

/** Looked at first: whether the rest can be read by this version at all. */
export const versionSchema = z.object({ format: z.literal(BUNDLE_FORMAT), version: z.int().min(1) });

export const manifestSchema = versionSchema.extend({
  /** Of the Brownout that wrote the file. */
  brownout: text(100),
  run: z.object({
    /** The same run in another store. */
    uid: z.string().regex(/^[0-9A-Za-z-]{8,64}$/u),
    name: text(10_000),
    tags: z.array(text(1000)).max(1000),
    note: text(1024 * 1024),
    fileName: text(1000),
    source: z.object({ kind: z.enum(['sim', 'qemu', 'import']), text: text(10_000) }),
    engineVersion: text(100),
    seed: count,
    samplingNs: z.number().min(0),
    status: z.enum(['finished', 'failed', 'interrupted']),
    failure: text(100_000).nullable(),
    createdMs: z.int(),
    endedMs: z.int().nullable(),
    hash: text(200).nullable(),
    series: z.array(seriesInfoSchema).max(LIMITS.series),
    samples: count,
    events: count,
  }),
  members: z
    .array(z.object({ name: text(200), bytes: count, sha256: z.string().regex(/^[0-9a-f]{64}$/u) }))
    .max(LIMITS.members),
});
export type Manifest = z.output<typeof manifestSchema>;

export const summaryFileSchema = z.object({ summary: summarySchema, expect: z.array(expectResultSchema) });

export const heatFileSchema = z.object({
  rows: z.int().min(1).max(MAX_HEAT_ROWS),
  columns: z.int().min(1).max(MAX_HEAT_COLUMNS),
  totalPages: z.number(),
  pagesPerRow: z.number(),
  edgesNs: z.array(z.number()),
  layers: z
    .array(
      z.object({
        id: z.string(),
        kind: z.enum(HEAT_KINDS),
        label: z.string(),
        source: z.string().optional(),
        pages: z.array(z.int().min(0).max(0xffff_ffff)),
      }),
    )
    .max(MAX_HEAT_LAYERS),
});
