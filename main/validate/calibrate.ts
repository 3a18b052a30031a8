// A host profile from a few idle migrations: constants of a host and its QEMU that no configuration tells.
//
// Only guests that write nothing are taken, so that nothing about dirtying is fitted. What each constant is taken from:
//   setup               set-up until complete
//   rate_slack          how much longer than 100 ms the rate windows of capped runs are
//   zero_page           runs over zero memory: time while running over zero pages sent
//   page_unbacked       runs not held by max-bandwidth: pages over time of their 100 ms windows
//   unbacked_share      the same runs: how much of their pages went so slowly, by their time as a whole, the blackout too
//   page_send, page_send_stopped  runs with over 2 MB left at the stop: downtime beyond the floor over pages left
//   device_state_other  downtime of runs with under 2 MB left, less what these take: the floor
//   resume              stop to resume beyond the downtime
// Each is the median over runs. A constant that no run tells keeps its default.

import type { CostName } from '../../engine/core/costs.ts';
import { COSTS } from '../../engine/core/costs.ts';
import type { Measured, Repeat, RepeatDetail } from './measured.ts';
import { median } from '../../engine/experiment/stats/quantiles.ts';

const PAGE_BYTES = 4096;
const NORMAL_PAGE_BYTES = PAGE_BYTES + 8;
const WINDOW_MS = 100;
/** Less than this left at the stop tells the floor, more tells the speed. */
const FEW_BYTES = 2e6;
/** A window this much longer than 100 ms was held up by something else. */
const WINDOW_TOLERANCE_MS = 5;

interface Run {
  readonly config: Measured['config'];
  readonly repeat: Repeat & { readonly totalMs: number; readonly downtimeMs: number };
  readonly detail: RepeatDetail;
}

/** Whether max-bandwidth, not the host, set the pace: it took about as long as the limit asks for. */
const isCapped = ({ config, repeat }: Run): boolean => {
  const runningMs = repeat.totalMs - repeat.downtimeMs;
  const atLeastMs = (repeat.bytes / config.max_bandwidth_bytes_per_s) * 1000;
  return config.max_bandwidth_bytes_per_s > 0 && runningMs < 1.2 * atLeastMs;
};

export function calibrate(idle: readonly Measured[]): Partial<Record<CostName, number>> {
  const runs: Run[] = [];
  for (const { config, repeats, details, name } of idle) {
    if (config.pattern !== 'idle') throw new Error(`${name}: calibration takes idle guests only`);
    repeats.forEach((repeat, i) => {
      const { totalMs, downtimeMs } = repeat;
      const detail = details[i];
      if (totalMs === null || downtimeMs === null || detail === undefined) return;
      runs.push({ config, repeat: { ...repeat, totalMs, downtimeMs }, detail });
    });
  }
  const profile: Partial<Record<CostName, number>> = {};
  const set = (name: CostName, values: readonly number[], digits = 0): void => {
    const finite = values.filter((value) => Number.isFinite(value) && value >= 0);
    if (finite.length > 0) profile[name] = Math.round(median(finite) * 10 ** digits) / 10 ** digits;
  };

  set(
    'setup',
    runs.map(({ detail }) => (detail.setupMs ?? NaN) * 1e6),
  );
  set('rate_slack', runs.filter(isCapped).flatMap(windowSlackNs));
  set('zero_page', runs.filter(({ detail }) => detail.zeroPages > 9 * detail.normalPages).map(perPageNs));
  const uncapped = runs.filter((run) => !isCapped(run) && run.detail.normalPages > 9 * run.detail.zeroPages);
  const few = runs.filter(({ detail }) => (detail.stoppedBytes ?? Infinity) < FEW_BYTES);
  const left = runs.filter(({ detail }) => (detail.stoppedBytes ?? 0) > FEW_BYTES);
  const { floorNs, pageNs: stoppedNs } = downtimeParts(few, left);
  const others = COSTS.vm_stop.value + COSTS.sync_fixed.value + COSTS.send_latency.value;
  set('device_state_other', few.length === 0 ? [] : [floorNs - others]);
  set('page_send_stopped', stoppedNs);
  set('page_send', stoppedNs);
  set('page_unbacked', uncapped.flatMap(windowPageNs));
  const { page_send: backedNs, page_unbacked: unbackedNs } = profile;
  if (backedNs !== undefined && unbackedNs !== undefined && unbackedNs > backedNs) {
    const share = (median(uncapped.map(perPageInAllNs)) - backedNs) / (unbackedNs - backedNs);
    set('unbacked_share', [Math.min(1, Math.max(0, share))], 2);
  }
  set(
    'resume',
    runs.map(({ repeat, detail }) => ((detail.stopToResumeMs ?? NaN) - repeat.downtimeMs) * 1e6),
  );
  return profile;
}

/** What a blackout takes without a page, and what each page of it takes, by run; the one is measured with the other. */
function downtimeParts(few: readonly Run[], left: readonly Run[]): { floorNs: number; pageNs: readonly number[] } {
  const stoppedPages = ({ detail }: Run): number => (detail.stoppedBytes ?? 0) / PAGE_BYTES;
  let floorNs = 0;
  let pageNs: readonly number[] = [];
  // Each pass takes the other's error away a hundredfold: few pages against many.
  for (let pass = 0; pass < 4; pass++) {
    const paceNs = pageNs.length === 0 ? 0 : median(pageNs);
    const floors = few.map((run) => run.repeat.downtimeMs * 1e6 - stoppedPages(run) * paceNs);
    floorNs = floors.length === 0 ? 0 : Math.max(0, median(floors));
    pageNs = left.map((run) => (run.repeat.downtimeMs * 1e6 - floorNs) / stoppedPages(run));
  }
  return { floorNs, pageNs };
}

/** Time while the guest ran, over the pages sent meanwhile. */
function perPageNs({ repeat, detail }: Run): number {
  const stoppedPages = (detail.stoppedBytes ?? 0) / PAGE_BYTES;
  const pages = detail.normalPages + detail.zeroPages - Math.min(stoppedPages, detail.normalPages);
  return ((repeat.totalMs - repeat.downtimeMs) * 1e6) / pages;
}

/** The whole time over all pages: a run that stops as soon as memory comes fast has its fast pages in the blackout. */
const perPageInAllNs = ({ repeat, detail }: Run): number =>
  (repeat.totalMs * 1e6) / (detail.normalPages + detail.zeroPages);

/** Time per page in each rate window. */
const windowPageNs = ({ detail }: Run): number[] =>
  detail.windowBytesPerMs.filter((bytes) => bytes > 0).map((bytes) => (NORMAL_PAGE_BYTES / bytes) * 1e6);

function windowSlackNs({ detail }: Run): number[] {
  const ends = detail.windowEndsMs;
  return ends.flatMap((end, i) => {
    const slackMs = i === 0 ? NaN : end - ends[i - 1]! - WINDOW_MS;
    return Math.abs(slackMs) < WINDOW_TOLERANCE_MS ? [slackMs * 1e6] : [];
  });
}
