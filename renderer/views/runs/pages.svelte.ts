// The rows of the table, a page at a time, as the eye comes to them: ten thousand runs cost what is in sight.
//
// Theory: a question (filter, sorting, columns) has a generation. Pages of an older generation are shown until the new ones are
// there, so nothing flickers while one types or a run ends; answers of an older generation are dropped. The window keeps one
// RunPages: who comes back to the table with the same question sees it at once, and what has changed a moment later.
import type { ListedRun, Spark } from '../../../main/contract/runs.ts';
import { call, messageOf } from '../../app/host.svelte.ts';

/** More than are in sight on most screens: the first rows wait for the whole page. */
export const PAGE = 64;

export interface Question {
  readonly filter: string;
  readonly sort: { readonly column: string; readonly descending: boolean };
  readonly columns: readonly string[];
  readonly deleted: boolean;
}

class RunPages {
  /** Null before the first answer. */
  total = $state<number | null>(null);
  trouble = $state('');
  /** Grows with every page that came: rows are read through row(). */
  revision = $state(0);
  sparks = $state.raw<ReadonlyMap<number, Spark>>(new Map());
  #pages = new Map<number, readonly ListedRun[]>();
  #asked = new Set<number>();
  #askedSparks = new Set<number>();
  #question: Question | null = null;
  #generation = 0;

  row(index: number): ListedRun | undefined {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Of the pages that are here. */
  indexOf(id: number): number {
    for (const [page, rows] of this.#pages) {
      const at = rows.findIndex(({ row }) => row.id === id);
      if (at >= 0) return page * PAGE + at;
    }
    return -1;
  }

  /** The table is shown (again): rows that answer another question would be wrong to begin with. */
  begin(question: Question): void {
    if (JSON.stringify(question) === JSON.stringify(this.#question)) return;
    this.#question = null;
    this.#generation++;
    this.#pages.clear();
    this.total = null;
    this.trouble = '';
  }

  /** A new question, or the same once more because something changed. */
  ask(question: Question, first: number): void {
    this.#question = question;
    this.#generation++;
    this.#asked.clear();
    void this.#fetch(Math.floor(first / PAGE), true);
  }

  /** Rows from `first` to before `end` are in sight. */
  need(first: number, end: number): void {
    for (let page = Math.floor(first / PAGE); page * PAGE < end; page++) {
      if (!this.#asked.has(page)) void this.#fetch(page, false);
    }
    void this.#fetchSparks(first, end);
  }

  async #fetch(page: number, replace: boolean): Promise<void> {
    const question = this.#question;
    if (question === null) return;
    const generation = this.#generation;
    this.#asked.add(page);
    try {
      const { runs, total } = await call('runs.list', {
        ...question,
        columns: [...question.columns],
        offset: page * PAGE,
        limit: PAGE,
      });
      if (generation !== this.#generation) return;
      if (replace) this.#pages = new Map();
      this.#pages.set(page, runs);
      this.total = total;
      this.trouble = '';
      this.revision++;
    } catch (error) {
      if (generation === this.#generation) this.trouble = messageOf(error);
    }
  }

  async #fetchSparks(first: number, end: number): Promise<void> {
    const ids: number[] = [];
    for (let i = first; i < end && ids.length < 200; i++) {
      const run = this.row(i)?.row;
      if (run === undefined || run.status === 'running' || this.#askedSparks.has(run.id)) continue;
      this.#askedSparks.add(run.id);
      ids.push(run.id);
    }
    if (ids.length === 0) return;
    const found = await call('runs.sparks', { ids }).catch(() => null);
    if (found === null) {
      for (const id of ids) this.#askedSparks.delete(id);
      return;
    }
    this.sparks = new Map([...this.sparks, ...found.map((spark) => [spark.id, spark] as const)]);
  }
}

export const runPages = new RunPages();
export type { RunPages };
