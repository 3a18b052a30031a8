// How much longer simulations take on this machine, as it is used, than estimate.ts reckons: the median over the newest finished
// simulations of the store. Of a cancelled run nobody knows how far it was to go; a run of a few milliseconds tells of the
// start of a worker only.
import { parseExperiment } from '../../engine/experiment/parse.ts';
import type { Store } from '../store/store.ts';
import { estimateOf } from './estimate.ts';

/** Newest runs that are looked at, and how many of these make a pace. */
const LOOKED_AT = 40;
const ENOUGH = 3;
const MOST = 15;
const LEAST_MS = 150;
/** Beyond this the reckoning was wrong, not the machine slow. */
const RANGE = { least: 0.25, most: 8 };

export class Pace {
  readonly #store: Store;
  #known = 1;
  #newest = -1;

  constructor(store: Store) {
    this.#store = store;
  }

  /** 1 until there are enough runs. */
  now(): number {
    const rows = this.#store.list({ order: 'created', descending: true, limit: LOOKED_AT });
    const finished = rows.filter(
      ({ status, sourceKind, outcome, endedMs, createdMs }) =>
        status === 'finished' &&
        sourceKind === 'sim' &&
        outcome !== 'cancelled' &&
        endedMs !== null &&
        endedMs - createdMs >= LEAST_MS,
    );
    const newest = finished[0]?.id ?? -1;
    if (newest === this.#newest) return this.#known;
    this.#newest = newest;
    const ratios: number[] = [];
    for (const { id, createdMs, endedMs } of finished.slice(0, MOST)) {
      const parsed = parseExperiment(this.#store.run(id).experiment, { fileName: '' });
      if (parsed.ok)
        ratios.push(((endedMs ?? createdMs) - createdMs) / 1000 / estimateOf(parsed.experiment).wallSeconds);
    }
    ratios.sort((a, b) => a - b);
    const median = ratios[Math.floor(ratios.length / 2)] ?? 1;
    this.#known = ratios.length < ENOUGH ? 1 : Math.min(RANGE.most, Math.max(RANGE.least, median));
    return this.#known;
  }
}
