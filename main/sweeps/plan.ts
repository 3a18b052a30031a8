// From a sweep's text to what the store keeps of it, and back.
import { ENGINE_VERSION } from '../../engine/experiment/simulate.ts';
import { MAX_SWEEP_POINTS } from '../../engine/experiment/limits.ts';
import { planSweep, type SweepPlan } from '../../engine/experiment/sweep.ts';
import type { Store } from '../store/store.ts';
import type { SweepRow } from '../store/sweeps.ts';

/** A sweep cannot be gone on with; the message says why. */
export class SweepError extends Error {
  override readonly name = 'SweepError';
}

/** Keeps a new sweep, on which nobody works yet. */
export function keepSweep(store: Store, plan: SweepPlan, text: string, fileName: string): number {
  return store.sweeps.create({
    ...{ name: plan.name, text, fileName, engineVersion: ENGINE_VERSION },
    fields: plan.fields.map(({ name, title, kind }) => ({ name, title, kind })),
    points: plan.points.map(({ number, key, setting, seed }) => ({
      ...{ number, key, setting, seed },
      written: plan.settings[setting] ?? [],
    })),
  });
}

/** The plan of a kept sweep: it must be the one that was begun. */
export function planOf(store: Store, row: SweepRow): SweepPlan {
  if (row.engineVersion !== ENGINE_VERSION) {
    throw new SweepError(
      `sweep ${row.id} was begun by engine ${row.engineVersion}; this is ${ENGINE_VERSION}, whose results may differ: begin it anew`,
    );
  }
  const planned = planSweep(store.sweeps.text(row.id), { fileName: row.fileName, maxPoints: MAX_SWEEP_POINTS });
  const points = planned.ok ? planned.plan.points : [];
  const kept = store.sweeps.points(row.id);
  if (!planned.ok || points.length !== kept.length || points.some(({ key }, i) => key !== kept[i]?.key)) {
    throw new SweepError(`sweep ${row.id} was planned by another build of this engine: begin it anew`);
  }
  return planned.plan;
}
