// What a host's main thread asks its core beside handing it clients: each question has a number, and is answered once or ends
// with the core.
import type { ContractError } from '../contract/errors.ts';
import { ServiceError } from '../contract/errors.ts';
import type { ExportJob, ReportJob } from '../export/exportStream.ts';

interface Asks {
  /** What the ticket of an export stands for, once; null: nothing. */
  redeem: { readonly asked: { readonly ticket: string }; readonly answer: ExportJob | null };
  /** Write an export to this file, replacing what is there; the answer is the number of bytes. */
  save: { readonly asked: { readonly job: ExportJob; readonly path: string }; readonly answer: number };
  /** The page of this report, to be printed by a host that can. */
  page: { readonly asked: { readonly job: ReportJob }; readonly answer: string };
  /** A file on this machine that the user chose, to be read by `imports.finish`; the answer is its id there. */
  offer: { readonly asked: { readonly path: string; readonly fileName: string }; readonly answer: number };
}
export type AskName = keyof Asks;
export type Asked<N extends AskName> = Asks[N]['asked'];
export type AskAnswer<N extends AskName> = Asks[N]['answer'];

export type AskMessage = {
  readonly [N in AskName]: { readonly kind: 'ask'; readonly number: number; readonly name: N } & {
    readonly asked: Asked<N>;
  };
}[AskName];

export interface AnswerMessage {
  readonly kind: 'answer';
  readonly number: number;
  readonly answer:
    { readonly ok: true; readonly value: AskAnswer<AskName> } | { readonly ok: false; readonly error: ContractError };
}

/** The asking side. */
export class Asker {
  readonly #open = new Map<
    number,
    { readonly resolve: (value: never) => void; readonly reject: (error: Error) => void }
  >();
  #last = 0;

  /** Rejects with a ServiceError. */
  ask<N extends AskName>(name: N, asked: Asked<N>, send: (message: AskMessage) => void): Promise<AskAnswer<N>> {
    return new Promise((resolve, reject) => {
      const number = ++this.#last;
      this.#open.set(number, { resolve, reject });
      send({ kind: 'ask', number, name, asked } as AskMessage);
    });
  }

  answered({ number, answer }: AnswerMessage): void {
    const open = this.#open.get(number);
    this.#open.delete(number);
    if (answer.ok) open?.resolve(answer.value as never);
    else open?.reject(new ServiceError(answer.error));
  }

  /** Nobody will answer any more what is open now. */
  gone(): void {
    for (const { reject } of this.#open.values()) {
      reject(new ServiceError({ kind: 'unavailable', message: 'the engine’s process ended before it was done' }));
    }
    this.#open.clear();
  }
}
