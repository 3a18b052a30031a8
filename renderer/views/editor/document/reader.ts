// Answers questions about texts: about short ones here and now, about long ones in a worker, because reading ten thousand lines
// takes longer than there is between two keys. Where no worker can be had, all are answered here.
import { Answerer, type Answer, type Question } from './questions.ts';

/** From here on a text is long: reading it takes about 25 ms, an edit by form twice that. */
const LONG_CHARS = 30_000;

export const isLong = (text: string): boolean => text.length > LONG_CHARS;

interface Waiting {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
}

export class Reader {
  readonly #here = new Answerer();
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null | undefined;
  #lastId = 0;

  /** In the order of the questions. */
  ask<Q extends Question>(question: Q): Answer<Q> | Promise<Answer<Q>> {
    if (!isLong(question.text)) return this.#here.answer(question) as Answer<Q>;
    this.#worker ??= this.#start();
    const worker = this.#worker;
    if (worker === null) return this.#here.answer(question) as Answer<Q>;
    return new Promise((resolve) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, { question, resolve: resolve as (answer: Answer) => void });
      worker.postMessage({ id, question });
    });
  }

  /** What is waiting is never answered. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#waiting.clear();
  }

  #start(): Worker | null {
    if (typeof Worker === 'undefined') return null;
    let worker: Worker;
    try {
      worker = new Worker(new URL('./reader.worker.ts', import.meta.url), { type: 'module' });
    } catch {
      return null;
    }
    worker.onmessage = ({ data }: MessageEvent<{ readonly id: number; readonly answer: Answer }>): void => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      waiting?.resolve(data.answer);
    };
    // It could not be loaded, or broke: nobody waits for an answer that does not come.
    worker.onerror = (event): void => {
      event.preventDefault();
      worker.terminate();
      this.#worker = null;
      const left = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { question, resolve } of left) resolve(this.#here.answer(question));
    };
    return worker;
  }
}
