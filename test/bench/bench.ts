// What a bench is. One file test/bench/<subject>.bench.ts exports `benches`; `node test/bench/run.ts` finds and runs them.
//
// Each bench runs in a process of its own, and so does its baseline, a small C or C++ program. Both prepare once and
// then do the same work once per round; the runner asks them in turn and takes medians, so that whatever else the
// machine does hits both. Their check values must be equal in every round: a fast wrong answer is no answer.

export interface Round {
  /** In the bench's unit. */
  readonly value: number;
  /** What the work came to; equal to the baseline's. */
  readonly check?: string;
  /** Further figures of the round, in units that their names carry (`peakMiB`, `nsPerEvent`); reported as medians. */
  readonly extra?: Readonly<Record<string, number>>;
}

/** One round. */
export type Work = () => Round | Promise<Round>;

export interface Bench {
  readonly name: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  /** Why it cannot be measured on this machine; undefined: it can. */
  readonly skip?: () => string | undefined;
  /** Sets up once; the function returned does the work once and times it itself (see `timeMs`). */
  readonly prepare: () => Work | Promise<Work>;
  /** Source below test/bench/baseline (`.c` or `.cc`) and its arguments. It gives the same unit. */
  readonly baseline?: { readonly source: string; readonly args?: readonly (string | number)[] };
  /** Bounds of the value, or of value / baseline. */
  readonly goal?: {
    readonly max?: number;
    readonly min?: number;
    readonly ratioMax?: number;
    readonly ratioMin?: number;
  };
  /** Measured rounds; 11 where nothing is said. */
  readonly rounds?: number;
  /** Rounds before the measured ones, for the compiler to settle; 3 where nothing is said. */
  readonly warmUp?: number;
  /** Arguments for node, for example `--expose-gc`. */
  readonly nodeFlags?: readonly string[];
}

/** Milliseconds that `work` takes. */
export function timeMs(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Bits of the generator that ours and the baselines share: a 32-bit linear congruential one; use the high bits. */
export function nextLcg(state: number): number {
  return (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
}
