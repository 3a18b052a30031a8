// A bundle on its way into a store: the same run, under the same uid, with the times at which it was made there. What was
// begun is taken away again where it cannot be finished.
import { fieldsOf } from '../runs/fields.ts';
import type { Store } from '../store/store.ts';
import type { Bundle } from './read.ts';

export interface Kept {
  readonly id: number;
  /** The run was here before; nothing was changed. `bin`: it lies among the deleted ones. */
  readonly already: 'no' | 'here' | 'bin';
}

/** The bundle must have been checked. `again`: as a run of its own, even where it is here already. */
export function keepBundle(store: Store, bundle: Bundle, { again = false } = {}): Kept {
  const { run } = bundle.manifest;
  const known = again ? undefined : store.runOfUid(run.uid);
  // An import that was killed on its way left an interrupted run behind.
  const isRest = known?.status === 'interrupted' && run.status === 'finished';
  if (known !== undefined && !isRest) return { id: known.id, already: known.deletedMs === null ? 'here' : 'bin' };
  if (known !== undefined) store.discard(known.id);
  const writer = store.begin({
    name: run.name,
    tags: run.tags,
    experiment: bundle.experiment,
    fileName: run.fileName,
    head: {
      source: run.source,
      engineVersion: run.engineVersion,
      seed: run.seed,
      samplingNs: run.samplingNs,
      series: run.series.map(({ source, ...info }) => (source === undefined ? info : { ...info, source })),
    },
    fields: fieldsOf(bundle.experiment),
    origin: {
      ...(again ? {} : { uid: run.uid }),
      note: run.note,
      createdMs: run.createdMs,
      endedMs: run.endedMs,
    },
  });
  try {
    for (const chunk of bundle.samples()) writer.samples(chunk);
    for (const event of bundle.events()) writer.event(event);
    if (bundle.heat !== undefined) writer.heat(bundle.heat);
    if (run.status === 'finished' && bundle.summary !== null && run.hash !== null) {
      writer.finish(bundle.summary, bundle.expect, run.hash);
    } else {
      writer.fail(run.failure ?? 'the process that made it was gone');
    }
  } catch (error) {
    store.discard(writer.id);
    throw error;
  }
  return { id: writer.id, already: 'no' };
}
