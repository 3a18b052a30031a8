// Which runs are repeats of each other, and which should be the same run and are not.
//
// A run is a function of engine version, configuration and seed. Simulations that agree in the first two are one group; those that
// agree in all three are one run, and their hashes must be equal: if not, one of them was made by a changed engine, or the engine
// is not deterministic, and that is said before anything is compared. Measured runs have chance of their own: each is a repeat.
export interface Groupable {
  readonly kind: 'sim' | 'qemu' | 'import';
  readonly engineVersion: string;
  readonly seed: number;
  readonly hash: string | null;
  /** The configuration as text (identity.ts); of an import its settings; null where nothing is known. */
  readonly configuration: string | null;
}

export interface RunGroup {
  /** Indices of all runs in it. */
  readonly members: readonly number[];
  /** Those that count as repeats: of simulations one for each seed. */
  readonly repeats: readonly number[];
}

/** Runs that should be identical and are not: indices, all with one engine version, configuration and seed. */
export interface Mismatch {
  readonly runs: readonly number[];
}

/** In the order of their first runs. */
export function groupRuns(runs: readonly Groupable[]): RunGroup[] {
  const groups = new Map<string, number[]>();
  for (const [i, run] of runs.entries()) {
    const key = run.configuration === null ? `alone ${i}` : `${run.kind}\n${versionOf(run)}\n${run.configuration}`;
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [i]);
    else members.push(i);
  }
  return [...groups.values()].map((members) => ({
    members,
    repeats: members.filter((i, at) => {
      const run = runs[i]!;
      return run.kind !== 'sim' || members.findIndex((other) => runs[other]!.seed === run.seed) === at;
    }),
  }));
}

export function mismatchesOf(runs: readonly Groupable[]): Mismatch[] {
  return groupRuns(runs).flatMap(({ members }) => {
    const bySeed = new Map<number, number[]>();
    for (const i of members) {
      const { kind, hash, seed } = runs[i]!;
      if (kind === 'sim' && hash !== null) bySeed.set(seed, [...(bySeed.get(seed) ?? []), i]);
    }
    return [...bySeed.values()]
      .filter((same) => new Set(same.map((i) => runs[i]!.hash)).size > 1)
      .map((same) => ({ runs: same }));
  });
}

/** The reader of an import is no property of what was measured. */
const versionOf = ({ kind, engineVersion }: Groupable): string => (kind === 'sim' ? engineVersion : '');
