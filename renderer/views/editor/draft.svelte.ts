// How what is edited is kept: as a draft, a moment after the last key, one save after the other. A draft that another window has
// kept with another text is not written over: nothing is kept then until the person has chosen.
import { ServiceError } from '../../../main/contract/errors.ts';
import { MAX_NAME_CHARS } from '../../../main/contract/limits.ts';
import { call, messageOf } from '../../app/host.svelte.ts';
import type { Source } from './origin.ts';

const SAVE_AFTER_MS = 700;

type SaveState =
  | 'untouched'
  | 'waiting'
  | 'saving'
  | 'saved'
  | 'failed'
  /** Another window has kept another text of this draft. */
  | 'conflict';

interface Kept {
  readonly name: string;
  readonly text: string;
  readonly fileName: string;
}

export class Draft {
  state = $state<SaveState>('untouched');
  trouble = $state('');

  #id: number | null = null;
  /** Of the draft as this window knows it. */
  #updatedMs: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> = Promise.resolve();
  readonly #now: () => Kept | string;
  readonly #onMade: (id: number) => void;

  /** `now`: what is to be kept, or why that cannot be. `onMade`: what is edited has become draft number `id`. */
  constructor(now: () => Kept | string, onMade: (id: number) => void) {
    this.#now = now;
    this.#onMade = onMade;
  }

  begin({ draftId, draftMs }: Pick<Source, 'draftId' | 'draftMs'>): void {
    this.#id = draftId;
    this.#updatedMs = draftMs;
    this.state = draftId === null ? 'untouched' : 'saved';
  }

  isNumber(id: string): boolean {
    return this.#id !== null && String(this.#id) === id;
  }

  /** The text is another. */
  changed(): void {
    if (this.state === 'conflict') return;
    this.state = 'waiting';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), SAVE_AFTER_MS);
  }

  /** Keeps what is waiting to be kept. Resolves when it is, or when that failed (`state` says so). */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.state !== 'waiting' && this.state !== 'failed') return this.#saving;
    const kept = this.#now();
    if (typeof kept === 'string') {
      this.state = 'failed';
      this.trouble = kept;
      return this.#saving;
    }
    this.state = 'saving';
    this.#saving = this.#saving.then(() => this.#keep({ ...kept, name: kept.name.slice(0, MAX_NAME_CHARS) }));
    return this.#saving;
  }

  async #keep(kept: Kept): Promise<void> {
    try {
      const made = this.#id === null;
      const { id, updatedMs } = await saved(this.#id, this.#updatedMs, kept);
      this.#id = id;
      this.#updatedMs = updatedMs;
      if (this.state === 'saving') this.state = 'saved';
      this.trouble = '';
      if (made) this.#onMade(id);
    } catch (error) {
      this.state = error instanceof ServiceError && error.kind === 'conflict' ? 'conflict' : 'failed';
      this.trouble = messageOf(error);
    }
  }

  /** Two windows, two texts: what is in this one becomes a draft of its own, and both stay. */
  keepBoth(): Promise<void> {
    this.#id = null;
    this.#updatedMs = null;
    this.state = 'waiting';
    return this.flush();
  }

  /** The text that the other window has kept, which is this one's from now on; null if it was deleted since. */
  async takeOther(): Promise<string | null> {
    const other = (await call('drafts.list', {})).find(({ id }) => id === this.#id);
    if (other === undefined) return null;
    this.#updatedMs = other.updatedMs;
    this.state = 'saved';
    return other.text;
  }
}

/** One that another window deleted meanwhile is made anew: nothing typed is lost. */
async function saved(
  id: number | null,
  knownMs: number | null,
  kept: Kept,
): Promise<{ readonly id: number; readonly updatedMs: number }> {
  try {
    return await call('drafts.save', { id, ...kept, ...(knownMs === null ? {} : { ifUpdatedMs: knownMs }) });
  } catch (error) {
    if (id === null || !(error instanceof ServiceError) || error.kind !== 'absent') throw error;
    return call('drafts.save', { id: null, ...kept });
  }
}
