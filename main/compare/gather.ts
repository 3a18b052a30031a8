// Runs for a comparison: from the store by their numbers, with what their experiments say.
import { anchorsOf } from '../../engine/experiment/compare/alignment.ts';
import type { Configured } from '../../engine/experiment/compare/differences.ts';
import { configJson } from '../../engine/experiment/identity.ts';
import { parseExperiment } from '../../engine/experiment/parse.ts';
import type { RunEvent } from '../../engine/experiment/result.ts';
import { NO_LIMITS, verdictOf, verdictText, type VerdictLimits } from '../contract/verdict.ts';
import type { ComparedRun } from '../contract/compare.ts';
import type { StoredRun } from '../store/rows.ts';
import { TIMES } from '../store/samples.ts';
import type { Store } from '../store/store.ts';

export interface GatheredRun {
  readonly stored: StoredRun;
  readonly compared: Omit<ComparedRun, 'group'>;
  /** Null: the text is no experiment of ours. */
  readonly configured: Configured | null;
  /** The same for repeats; null where nothing is known of the set-up. */
  readonly configuration: string | null;
}

/** Events in one reading. */
const PAGE = 10_000;
const ANCHOR_KINDS = ['round', 'harvest', 'stop'] as const;
/** Rounds read at most: alignment keeps a thousand of them. */
const MAX_ANCHOR_EVENTS = 100_000;

/** `kept`: whether the store is the user's, so that its numbers mean something to them. */
export function gather(store: Store, ids: readonly number[], { kept = true } = {}): GatheredRun[] {
  const read = experimentReader();
  return ids.map((id) => {
    const stored = store.run(id);
    const { row, summary, experiment } = stored;
    const known = read(experiment);
    const lastSampleNs = row.sampleCount === 0 ? 0 : (store.samples(id, TIMES, row.sampleCount - 1, 1)[0] ?? 0);
    const verdict = verdictOf(stored, known.limits);
    const { startNs, stopNs, endNs, roundTimesNs, roundNumbers } = anchorsOf(
      summary,
      eventsOf(store, id),
      lastSampleNs,
    );
    return {
      stored,
      configured: known.configured,
      // What an import says of its set-up stands in the place of an experiment.
      configuration: known.configuration ?? (row.sourceKind === 'import' ? experiment : null),
      compared: {
        ...{ id: kept ? id : null, name: row.name, status: row.status, outcome: row.outcome },
        ...{ sourceKind: row.sourceKind, sourceText: row.sourceText, engineVersion: row.engineVersion },
        ...{ seed: row.seed, hash: row.hash, pagesLost: row.pagesLost, sampleCount: row.sampleCount },
        ...{ verdict: verdictText(verdict), tone: verdict.tone, series: [...stored.series] },
        anchors: { startNs, stopNs, endNs, roundTimesNs: [...roundTimesNs], roundNumbers: [...roundNumbers] },
      },
    };
  });
}

interface KnownExperiment {
  readonly configured: Configured | null;
  readonly configuration: string | null;
  readonly limits: VerdictLimits;
}

/** Repeats share one text: it is parsed once. */
function experimentReader(): (text: string) => KnownExperiment {
  const known = new Map<string, KnownExperiment>();
  return (text) => {
    let found = known.get(text);
    if (found === undefined) {
      const parsed = parseExperiment(text, { fileName: '' });
      found = { configured: null, configuration: null, limits: NO_LIMITS };
      if (parsed.ok) {
        const { experiment, source } = parsed;
        const { downtime_limit, postcopy } = experiment.migration;
        found = {
          configured: { experiment, written: source.value },
          configuration: configJson(experiment),
          limits: { downtimeLimitNs: downtime_limit, postcopy: postcopy.enabled },
        };
      }
      known.set(text, found);
    }
    return found;
  };
}

function* eventsOf(store: Store, id: number): Generator<RunEvent> {
  let from = 0;
  for (let read = 0; read < MAX_ANCHOR_EVENTS;) {
    const events = store.eventsWhere(id, { from, limit: PAGE, kinds: ANCHOR_KINDS });
    yield* events;
    read += events.length;
    if (events.length < PAGE) return;
    from = events.at(-1)!.number + 1;
  }
}
