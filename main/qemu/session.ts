// What a started run consists of.

import type { Progress } from '../../engine/experiment/result.ts';
import type { GuardedFolder } from './guard.ts';
import type { Machine } from './machine.ts';
import type { QemuPlan } from './plan.ts';
import type { TraceReader } from './trace.ts';

export interface Session {
  readonly plan: QemuPlan;
  readonly folder: GuardedFolder;
  readonly source: Machine;
  readonly destination: Machine;
  readonly trace: TraceReader;
  /** performance.now() when the guest's clock began: 0 of the run. */
  readonly originMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: Progress) => void;
}

/** ms since the guest's clock began. */
export const runMs = ({ originMs }: Pick<Session, 'originMs'>): number => performance.now() - originMs;

/** Host wall clock (ms) at 0 of the run. Date.now() has whole ms, so the offset is taken where it steps. */
export function wallOriginMs(session: Pick<Session, 'originMs'>): number {
  const before = Date.now();
  const giveUp = performance.now() + 3;
  while (Date.now() === before && performance.now() < giveUp);
  return Date.now() - runMs(session);
}

/** Returns early, without an error, when `signal` aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (!(ms > 0) || signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', settle);
      resolve();
    };
    const timer = setTimeout(settle, ms);
    signal?.addEventListener('abort', settle);
  });
}
