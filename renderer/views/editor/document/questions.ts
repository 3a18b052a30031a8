// What is asked about a text, as data, so that a worker can answer it; and the answers.
import type { Edit, Path } from './edits.ts';
import { isStillThere, type Seen } from './seen.ts';
import { offsetOfPath, pathAtOffset, spotAt, type Spot } from './yamlPlaces.ts';
import { editYaml, readYaml, type Edited, type Read } from './yamlText.ts';

/** An edit of the form, and what it was made from. */
export interface FormEdit {
  readonly edit: Edit;
  readonly seen: Seen;
  /** Order of keys in the groups on the way to the edit's place, the root first. */
  readonly orders: readonly (readonly string[])[];
}

export type Question =
  | { readonly kind: 'read'; readonly text: string }
  /** One after the other, and all or none. */
  | { readonly kind: 'edit'; readonly text: string; readonly edits: readonly FormEdit[] }
  | { readonly kind: 'pathAt'; readonly text: string; readonly offset: number }
  | { readonly kind: 'offsetOf'; readonly text: string; readonly path: Path }
  | { readonly kind: 'spotAt'; readonly text: string; readonly offset: number };

export interface Answers {
  readonly read: Pick<Read, 'value' | 'error'>;
  readonly edit: Edited;
  readonly pathAt: ReturnType<typeof pathAtOffset>;
  readonly offsetOf: number;
  readonly spotAt: Spot | null;
}
export type Answer<Q extends Question = Question> = Answers[Q['kind']];

export const MOVED_ON = 'the text was changed at this place meanwhile; the form shows it as it is now';

/** Remembers the last text that it read: questions about one text come together. */
export class Answerer {
  #text: string | null = null;
  #read: Read | null = null;

  answer(question: Question): Answer {
    switch (question.kind) {
      case 'read': {
        const { value, error } = this.#reading(question.text);
        return { value, error };
      }
      case 'edit':
        return edited(question.text, question.edits);
      case 'pathAt':
        return pathAtOffset(this.#reading(question.text).document, question.offset);
      case 'offsetOf':
        return offsetOfPath(this.#reading(question.text).document, question.path);
      case 'spotAt':
        return spotAt(question.text, question.offset);
    }
  }

  #reading(text: string): Read {
    if (this.#read === null || this.#text !== text) {
      this.#text = text;
      this.#read = readYaml(text);
    }
    return this.#read;
  }
}

function edited(before: string, edits: readonly FormEdit[]): Edited {
  let text = before;
  for (const { edit, seen, orders } of edits) {
    const { value, error } = readYaml(text);
    if (error === null && !isStillThere(value, seen)) return { ok: false, why: MOVED_ON };
    const result = editYaml(text, edit, (group) => orders[group.length] ?? []);
    if (!result.ok) return result;
    text = result.text;
  }
  return { ok: true, text };
}
