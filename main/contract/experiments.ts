// Experiments before they run: examples, drafts, and what can be told about a text.
import * as z from 'zod';
import { problemSchema } from './errors.ts';
import { MAX_EXPERIMENT_CHARS, MAX_NAME_CHARS } from './limits.ts';

export const experimentTextSchema = z.string().max(MAX_EXPERIMENT_CHARS);
/** The name of a file without its folder. */
export const fileNameSchema = z
  .string()
  .max(MAX_NAME_CHARS)
  .refine((name) => !/[/\\\0]/u.test(name), 'a name without a folder');

/** Groups of the gallery, in this order; an example's first tag names its group. */
export const GALLERY_GROUPS = [
  'First steps',
  'vIOMMU and unmaps',
  'Page tables and splitting',
  'CPU tracking',
  'Memory map',
  'Devices',
  'Large guests',
] as const;

export const galleryEntrySchema = z.object({
  /** The file's name without its ending; stable. */
  id: z.string(),
  fileName: z.string(),
  group: z.string(),
  name: z.string(),
  question: z.string(),
  /** Without the group. */
  tags: z.array(z.string()),
  text: z.string(),
  /** The file's `expect`, as people write it: `lost: 0`, `downtime: <= 300ms`. */
  expect: z.array(z.object({ path: z.string(), expected: z.string() })),
  /** The newest finished run of exactly this text, for a picture of its result; null before the first. */
  runId: z.number().nullable(),
});
export type GalleryEntry = z.infer<typeof galleryEntrySchema>;

export const draftSchema = z.object({
  id: z.number(),
  name: z.string(),
  text: z.string(),
  fileName: z.string(),
  updatedMs: z.number(),
});
export type Draft = z.infer<typeof draftSchema>;

/** An experiment that was run: the newest run of each text. */
export const recentExperimentSchema = z.object({
  runId: z.number(),
  name: z.string(),
  fileName: z.string(),
  createdMs: z.number(),
});
export type RecentExperiment = z.infer<typeof recentExperimentSchema>;

const regionSchema = z.object({ name: z.string(), offset: z.number(), size: z.number() });

/** What the picture of the topology draws; bytes, pages/s and bytes/s in plain numbers. Names are those of the file. */
export const factsSchema = z.object({
  name: z.string(),
  backend: z.enum(['sim', 'qemu']),
  memory: z.number(),
  /** Bytes of guest RAM below and above the hole under 4 GiB. */
  /** Modules that are there from the start or can be plugged: guest-physical address, RAM offset, bytes. */
  modules: z.array(z.object({ name: z.string(), gpa: z.number(), offset: z.number(), size: z.number() })),
  below4g: z.number(),
  above4g: z.number(),
  filled: z.number(),
  backing: z.number(),
  vcpus: z.number(),
  workloads: z.array(
    z.object({
      name: z.string(),
      vcpus: z.number(),
      pattern: z.string(),
      region: regionSchema.nullable(),
      text: z.string(),
    }),
  ),
  devices: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      region: regionSchema.nullable(),
      text: z.string(),
      logsDma: z.boolean(),
    }),
  ),
  iommu: z.object({
    format: z.string(),
    granule: z.number(),
    pageSizes: z.array(z.number()),
    flush: z.string(),
    unmap: z.string(),
  }),
  viommu: z.object({ mode: z.string(), driver: z.string() }),
  trackers: z.object({ vcpus: z.string(), devices: z.string() }),
  link: z.object({ bytesPerSecond: z.number(), bandwidth: z.number(), downtimeLimitNs: z.number() }),
  /** The timeline of `changes`. */
  changes: z.array(
    z.object({
      /** Its position in the file's list. */
      index: z.number(),
      what: z.string(),
      /** A time, or a moment of the migration (`round 2`) and a delay. */
      atNs: z.number().nullable(),
      on: z.string().nullable(),
      delayNs: z.number(),
      /** Device or memory module. */
      target: z.string().nullable(),
      range: z.object({ offset: z.number(), size: z.number() }).nullable(),
      everyNs: z.number().nullable(),
      times: z.number(),
    }),
  ),
  seed: z.number(),
});
export type ExperimentFacts = z.infer<typeof factsSchema>;

export const estimateSchema = z.object({
  /** Simulated time from the beginning to the end, at the latest. */
  simulatedNs: z.number(),
  /** Wall-clock seconds that the simulation will take, by a rough reckoning from what happens per simulated second. */
  wallSeconds: z.number(),
  samples: z.number(),
  series: z.number(),
  /** Of the stored run, in bytes. */
  bytes: z.number(),
});
export type Estimate = z.infer<typeof estimateSchema>;

export const checkResultSchema = z.object({
  problems: z.array(problemSchema),
  /** Null where there are problems. */
  estimate: estimateSchema.nullable(),
  facts: factsSchema.nullable(),
  /**
   * The file with defaults filled in, in base units, as JSON with the file's names: what a form shows for fields that are
   * not set. Null where there are problems.
   */
  resolved: z.unknown(),
});
export type CheckResult = z.infer<typeof checkResultSchema>;
