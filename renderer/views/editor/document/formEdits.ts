// Edits of the form that are still on their way into a long text.
//
// Theory: working out an edit takes time, and the text may be another when it is done. Then the result is of no use, and the same
// edit is worked out on the newer text; whether it still means the same there, seen.ts decides. Edits are made one after the
// other in the order in which they were asked for; what was typed in the text is never replaced by an older text.
import type { Answers, FormEdit, Question } from './questions.ts';
import { pathText } from './edits.ts';

interface Place {
  /** As it is now. */
  text(): string;
  replace(text: string, options: { readonly alone: boolean }): void;
  /** An edit could not be made. */
  refused(why: string): void;
  /** Nothing is on its way any more. */
  settled(): void;
}
type Ask = (question: Extract<Question, { kind: 'edit' }>) => Answers['edit'] | Promise<Answers['edit']>;

interface Step {
  readonly edits: readonly FormEdit[];
  readonly alone: boolean;
}

export class FormEdits {
  readonly #place: Place;
  readonly #ask: Ask;
  /** The first is being worked out. */
  #steps: Step[] = [];
  #work: Promise<void> | undefined;

  constructor(place: Place, ask: Ask) {
    this.#place = place;
    this.#ask = ask;
  }

  get waiting(): number {
    return this.#steps.length;
  }

  push(step: Step): void {
    const last = this.#steps.length > 1 ? this.#steps.at(-1) : undefined;
    const [before] = last?.edits ?? [];
    const [next] = step.edits;
    // Keys typed in one field: the value between two of them need never stand in the text.
    if (last !== undefined && before !== undefined && next !== undefined && isTyping(last) && isTyping(step)) {
      if (pathText(before.edit.path) === pathText(next.edit.path)) {
        this.#steps.splice(-1, 1, { ...step, edits: [{ ...next, seen: before.seen, orders: before.orders }] });
        return;
      }
    }
    this.#steps.push(step);
    this.#work ??= this.#workOff();
  }

  /** When all that was asked for has been made or refused. */
  async settled(): Promise<void> {
    await this.#work;
  }

  /** Nothing of it is wanted any more. */
  clear(): void {
    this.#steps = [];
  }

  async #workOff(): Promise<void> {
    // Not before push() has returned: it is called in the middle of a change of the form.
    await Promise.resolve();
    try {
      await this.#each();
    } finally {
      this.#work = undefined;
    }
    this.#place.settled();
  }

  async #each(): Promise<void> {
    for (let step = this.#steps[0]; step !== undefined; step = this.#steps[0]) {
      const text = this.#place.text();
      const result = await this.#ask({ kind: 'edit', text, edits: step.edits });
      if (this.#steps[0] !== step || this.#place.text() !== text) continue;
      this.#steps.shift();
      if (result.ok) this.#place.replace(result.text, { alone: step.alone });
      else this.#place.refused(result.why);
    }
  }
}

function isTyping({ edits, alone }: Step): boolean {
  return !alone && edits.length === 1 && edits[0]?.edit.kind === 'set';
}
