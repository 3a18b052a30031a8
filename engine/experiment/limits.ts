// What an experiment file may ask for at most, each with its reason. Every limit has a refusal and a test.

import { MIB, NS_PER_SECOND, TIB } from '../core/units.ts';

/** Bytes of UTF-8: an experiment is written by hand; the largest sensible one has some thousand lines. */
export const MAX_FILE_BYTES = MIB;
/** Nesting of groups and lists: the schema itself needs 8. */
export const MAX_DEPTH = 32;
/** Nodes after aliases are followed: bounds "billion laughs" (a few lines that expand to gigabytes). */
export const MAX_NODES = 100_000;
/** The bitmaps hold 2^31 pages; a 4 TiB guest has 2^30. */
export const MAX_GUEST_BYTES = 4 * TIB;
/** Simulated time: times are exact in a double far beyond, but series and hosts are not meant for more. */
export const MAX_SIMULATED_NS = 24 * 3600 * NS_PER_SECOND;
/** Largest duration of any field. */
export const MAX_NS = MAX_SIMULATED_NS;
/** Samples of all series together: what store, charts and exports are built for. */
export const MAX_SAMPLES = 10_000_000;
export const MAX_DEVICES = 64;
export const MAX_CHANGES = 10_000;
/** Problems reported at once; the rest is counted. */
export const MAX_PROBLEMS = 100;
/** Fields that one sweep varies: more than a person can read from any picture. */
export const MAX_SWEEP_FIELDS = 16;
/** Values of one field of a sweep, and seeds. */
export const MAX_SWEEP_VALUES = 1_000;
/** Runs of one sweep, whatever is asked for: a plan is held in memory. */
export const MAX_SWEEP_POINTS = 100_000;
/** Runs of one sweep where nobody asks for more: a product of lists grows faster than one thinks. */
export const DEFAULT_SWEEP_POINTS = 10_000;
