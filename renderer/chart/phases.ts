// The two phases of a migration on the axis of time: the brownout (the guest runs, the migration works) and the blackout (it
// stands still). A run that failed and was tried again has several of each.
import type { RunEvent } from '../../main/contract/runs.ts';
import type { Span } from './span.ts';

export interface PhaseSpan extends Span {
  readonly kind: 'brownout' | 'blackout';
}

/**
 * `endNs`: of the run, where a phase has no end yet; `open`: the run goes on, so that what was reported last is not the end
 * (a phase is reported when it is over). Events of other kinds are passed over.
 */
export function phasesOf(
  events: readonly Pick<RunEvent, 'kind' | 'timeNs' | 'durationNs'>[],
  endNs: number,
  { startNs = null, open = false }: { readonly startNs?: number | null; readonly open?: boolean } = {},
): PhaseSpan[] {
  const ordered = events
    .filter(({ kind }) => kind === 'stop' || kind === 'resume' || kind === 'phase')
    .sort((a, b) => a.timeNs - b.timeNs);
  const firstPhase = ordered.find(({ kind }) => kind === 'phase')?.timeNs ?? startNs;
  const spans: PhaseSpan[] = [];
  let brownFrom: number | null = firstPhase;
  let blackFrom: number | null = null;
  let lastPhaseEnd = -Infinity;
  const close = (fromNs: number | null, toNs: number, kind: PhaseSpan['kind']): void => {
    if (fromNs !== null && toNs > fromNs) spans.push({ fromNs, toNs, kind });
  };
  for (const { kind, timeNs, durationNs } of ordered) {
    if (kind === 'stop' && blackFrom === null) {
      close(brownFrom, timeNs, 'brownout');
      brownFrom = null;
      blackFrom = timeNs;
    } else if (kind === 'resume' && blackFrom !== null) {
      close(blackFrom, timeNs, 'blackout');
      blackFrom = null;
    } else if (kind === 'phase') {
      lastPhaseEnd = Math.max(lastPhaseEnd, timeNs + durationNs);
      // A further try after a failed one.
      if (blackFrom === null && brownFrom === null && timeNs > (spans.at(-1)?.toNs ?? -Infinity)) brownFrom = timeNs;
    }
  }
  if (blackFrom !== null) close(blackFrom, Math.max(endNs, blackFrom), 'blackout');
  if (brownFrom !== null) close(brownFrom, lastPhaseEnd > brownFrom && !open ? lastPhaseEnd : endNs, 'brownout');
  return spans;
}
