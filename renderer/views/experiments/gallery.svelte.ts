// What the gallery shows: the examples, their pictures, the user's own drafts and what was run lately.
import {
  GALLERY_GROUPS,
  type Draft,
  type GalleryEntry,
  type RecentExperiment,
} from '../../../main/contract/experiments.ts';
import type { Spark } from '../../../main/contract/runs.ts';
import { call, messageOf } from '../../app/host.svelte.ts';
import { sketchOf } from './sketch.ts';

/** Checks under way at once; the host takes at most 64 calls. */
const AT_ONCE = 4;
const RECENT = 8;

export class Gallery {
  state = $state<'loading' | 'ready' | 'failed'>('loading');
  trouble = $state('');
  entries = $state.raw<readonly GalleryEntry[]>([]);
  drafts = $state.raw<readonly Draft[]>([]);
  recent = $state.raw<readonly RecentExperiment[]>([]);
  /** By the run's id. */
  sparks = $state.raw<ReadonlyMap<number, Spark>>(new Map());
  /** By the example's id; null where no sketch can be made. */
  sketches = $state.raw<ReadonlyMap<string, Spark | null>>(new Map());

  readonly groups = $derived(
    GALLERY_GROUPS.map((name) => ({ name, entries: this.entries.filter(({ group }) => group === name) })).filter(
      ({ entries }) => entries.length > 0,
    ),
  );

  async load(): Promise<void> {
    try {
      const [entries, drafts, recent] = await Promise.all([
        call('experiments.gallery', {}),
        call('drafts.list', {}),
        call('experiments.recent', { limit: RECENT }),
      ]);
      this.entries = entries;
      this.drafts = drafts;
      this.recent = recent;
      this.state = 'ready';
      await Promise.all([this.#loadSparks(), this.#drawSketches()]);
    } catch (error) {
      this.state = 'failed';
      this.trouble = messageOf(error);
    }
  }

  async deleteDraft(id: number): Promise<void> {
    await call('drafts.delete', { id });
    this.drafts = this.drafts.filter((draft) => draft.id !== id);
  }

  async restoreDraft({ name, text, fileName }: Draft): Promise<void> {
    await call('drafts.save', { id: null, name, text, fileName });
    this.drafts = await call('drafts.list', {});
  }

  async #loadSparks(): Promise<void> {
    const ids = this.entries.flatMap(({ runId }) => (runId === null ? [] : [runId]));
    if (ids.length === 0) return;
    const sparks = await call('runs.sparks', { ids });
    this.sparks = new Map(sparks.map((spark) => [spark.id, spark]));
  }

  /** Of examples that were not run yet, a few at a time, so that the cards fill from the top. */
  async #drawSketches(): Promise<void> {
    const waiting = this.entries.filter(({ runId, id }) => runId === null && !this.sketches.has(id));
    const work = async (): Promise<void> => {
      for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
        const { resolved } = await call('experiments.check', { text: entry.text, fileName: entry.fileName });
        this.sketches = new Map(this.sketches).set(entry.id, sketchOf(resolved));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }
}
