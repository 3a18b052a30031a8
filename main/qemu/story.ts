// What was seen of a migration, told as a run: events in order of time, and the summary.

import { NS_PER_MS, PAGE_SIZE } from '../../engine/core/units.ts';
import type { DowntimePart, Known, Outcome, RunEvent, Summary } from '../../engine/experiment/result.ts';
import type { Comparison } from './compare.ts';
import type { Figures } from './figures.ts';
import { mostOf, summaryOf } from './observed.ts';
import type { QemuPlan } from './plan.ts';
import type { TraceMark, TracedSync, TraceReader } from './trace.ts';

/** Stamps on the host's wall clock (QEMU's events) and on the run's. */
export interface Stamps {
  stopWallMs?: number;
  sourceResumeWallMs?: number;
  /** On the destination. */
  resumeWallMs?: number;
  readonly passes: { readonly wallMs: number; readonly pass: number }[];
  readonly throttles: { readonly atMs: number; readonly percent: number }[];
}

export interface Told {
  readonly plan: QemuPlan;
  readonly trace: TraceReader;
  readonly stamps: Stamps;
  /** A wall-clock stamp on the run's axis, ms. */
  readonly fromWall: (wallMs: number) => number;
  /** Page writes until then, as far as the guest reported. */
  readonly writesAt: (timeNs: number) => Known;
  readonly outcome: Outcome;
  /** Where the outcome alone does not say it. */
  readonly reason: string;
  /** NaN: the migration never began. */
  readonly startMs: number;
  readonly endMs: number;
  readonly last: Figures;
  readonly lastCounting: Figures;
  readonly comparison: Comparison | undefined;
  readonly goesOn: boolean | undefined;
}

const ns = (ms: number): number => Math.max(0, Math.round(ms * NS_PER_MS));

export function tellStory(told: Told): { summary: Summary; events: RunEvent[] } {
  const events = eventsOf(told);
  const { last, lastCounting, stamps, outcome, startMs, endMs, comparison, trace } = told;
  const began = !Number.isNaN(startMs);
  const startNs = began ? ns(startMs) : ns(endMs);
  const lossIndex = events.findIndex(({ kind }) => kind === 'loss');
  const summary = summaryOf({
    outcome,
    reason: reasonOf(told),
    startNs,
    endNs: ns(endMs),
    // QEMU keeps no counters of a cancelled migration, nor its duration.
    last: outcome === 'completed' || !began ? last : { ...last, elapsedNs: last.elapsedNs ?? ns(endMs - startMs) },
    lastCounting,
    throttleMaxPercent: mostOf([
      lastCounting.throttlePercent,
      last.throttlePercent,
      ...stamps.throttles.map(({ percent }) => percent),
    ]),
    downtimeParts: outcome === 'completed' ? downtimePartsOf(told) : [],
    lostPages: comparison === undefined ? null : comparison.pagesDiffering,
    losses:
      comparison === undefined || comparison.pagesDiffering === 0
        ? []
        : [
            {
              cause: 'differs on the destination after the stop; QEMU gives no reason',
              eventIndex: lossIndex,
              writers: [told.plan.writer],
              pages: comparison.pagesDiffering,
              runs: comparison.runs,
            },
          ],
    guestSpeed: guestSpeedOf(told),
    harvestNs: trace.syncs.length === 0 ? null : trace.syncs.reduce((sum, sync) => sum + syncNs(sync), 0),
  });
  return { summary, events };
}

function reasonOf({ outcome, reason, lastCounting, goesOn, comparison }: Told): string {
  if (outcome !== 'completed') {
    const after =
      goesOn === true ? ' The guest goes on at the source.' : goesOn === false ? ' The guest is silent.' : '';
    return `${reason}${after}`;
  }
  const rounds = lastCounting.syncs === null ? '' : ` after ${lastCounting.syncs} dirty syncs`;
  const guest = goesOn === true ? 'the guest goes on at the destination' : 'the guest is silent at the destination';
  const compared =
    comparison === undefined
      ? ''
      : `; ${comparison.pagesDiffering} of ${comparison.pagesCompared} pages differ between the two memories`;
  return `Completed${rounds}; ${guest}${compared}.`;
}

function eventsOf(told: Told): RunEvent[] {
  const { plan, stamps, trace, startMs, endMs, fromWall, comparison, goesOn } = told;
  const events: RunEvent[] = plan.notes.map((text) => ({ timeNs: 0, durationNs: 0, kind: 'note', text, detail: {} }));
  const add = (
    kind: RunEvent['kind'],
    atMs: number | undefined,
    text: string,
    detail: RunEvent['detail'] = {},
    untilMs: number = atMs ?? NaN,
  ): void => {
    if (atMs === undefined || Number.isNaN(atMs) || Number.isNaN(untilMs)) return;
    events.push({ timeNs: ns(atMs), durationNs: Math.max(0, ns(untilMs) - ns(atMs)), kind, text, detail });
  };
  const mark = (name: TraceMark): number | undefined => {
    const wallMs = trace.marks[name];
    return wallMs === undefined ? undefined : fromWall(wallMs);
  };
  const stopMs = stamps.stopWallMs === undefined ? undefined : fromWall(stamps.stopWallMs);
  const resumeMs = stamps.resumeWallMs === undefined ? undefined : fromWall(stamps.resumeWallMs);
  const activeMs = mark('setupComplete');

  if (activeMs !== undefined) add('phase', startMs, 'setup', {}, activeMs);
  add('phase', activeMs ?? startMs, 'precopy', {}, stopMs ?? endMs);
  if (stopMs !== undefined) add('phase', stopMs, 'switchover', {}, resumeMs ?? mark('afterLoop') ?? endMs);
  if (plan.postcopyAfterMs !== null && resumeMs !== undefined && endMs > resumeMs)
    add('phase', resumeMs, 'post-copy', {}, endMs);

  let round = 0;
  for (const sync of trace.syncs) {
    round++;
    add(
      'harvest',
      fromWall(sync.startWallMs),
      `dirty sync ${round}: ${sync.newPages} pages newly dirty`,
      { round, pages: sync.newPages },
      fromWall(sync.endWallMs),
    );
  }
  for (const [i, { wallMs, pass }] of stamps.passes.entries()) {
    const next = stamps.passes[i + 1];
    const untilMs = next === undefined ? (stopMs ?? endMs) : fromWall(next.wallMs);
    add('round', fromWall(wallMs), `round ${pass}`, { round: pass }, untilMs);
  }
  for (const { atMs, percent } of stamps.throttles)
    add('throttle', atMs, `vCPUs throttled by ${percent} %`, { percent });
  add('stop', stopMs, 'the source stops the guest');
  add(
    'resume',
    resumeMs,
    comparison === undefined
      ? 'the guest runs at the destination'
      : 'the guest runs at the destination, after both memories were compared',
    stopMs === undefined || resumeMs === undefined ? {} : { blackoutNs: ns(resumeMs) - ns(stopMs) },
  );
  if (stamps.sourceResumeWallMs !== undefined)
    add('resume', fromWall(stamps.sourceResumeWallMs), 'the guest runs at the source again');
  if (comparison !== undefined && comparison.pagesDiffering > 0)
    add('loss', endMs, `${comparison.pagesDiffering} pages differ on the destination`, {
      pages: comparison.pagesDiffering,
    });
  else if (comparison !== undefined)
    add('note', endMs, `both memories are equal in ${comparison.pagesCompared} pages`, {
      pages: comparison.pagesCompared,
    });
  if (goesOn === false) add('error', endMs, 'the guest does not report any more');
  if (told.outcome === 'failed') add('error', endMs, told.reason);
  // Stable: what has the same time stays in the order above.
  return events.sort((a, b) => a.timeNs - b.timeNs);
}

const syncNs = ({ startWallMs, endWallMs }: TracedSync): number => ns(endWallMs - startWallMs);

/** Trace points divide what QEMU reports; without them, or where its rounding to ms hides them, it is one part. */
function downtimePartsOf({ last, trace }: Told): DowntimePart[] {
  const totalNs = last.downtimeNs;
  if (totalNs === null) return [];
  const { lowPending, vmStop } = trace.marks;
  const finalSync = trace.syncs.at(-1);
  if (lowPending === undefined || vmStop === undefined || finalSync === undefined)
    return [{ name: 'downtime as QEMU reports it', durationNs: totalNs }];
  const stopNs = ns(vmStop - lowPending);
  const harvestNs = syncNs(finalSync);
  const restNs = totalNs - stopNs - harvestNs;
  if (restNs < 0) return [{ name: 'downtime as QEMU reports it', durationNs: totalNs }];
  return [
    { name: 'stop vCPUs', durationNs: stopNs },
    { name: 'final harvest', durationNs: harvestNs },
    { name: 'last pages and device state', durationNs: restNs },
  ];
}

function guestSpeedOf({ plan, stamps, fromWall, startMs, endMs, writesAt }: Told): Known {
  const asked = plan.pacedWritesPerSecond;
  if (asked === null || Number.isNaN(startMs)) return null;
  const stopMs = stamps.stopWallMs === undefined ? endMs : fromWall(stamps.stopWallMs);
  const [from, to] = [writesAt(ns(startMs)), writesAt(ns(stopMs))];
  return from === null || to === null || stopMs <= startMs ? null : (to - from) / ((asked * (stopMs - startMs)) / 1000);
}

/** For progress: what QEMU would stop the guest at, in pages. */
export const thresholdPages = (trace: TraceReader, last: Figures): number =>
  Math.floor((trace.windows.at(-1)?.thresholdBytes ?? 0) / (last.pageBytes ?? PAGE_SIZE));
