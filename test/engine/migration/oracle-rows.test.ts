// The oracle's counts by row against a slow model that keeps a set for every page and logs every write and transmission.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Oracle } from '../../../engine/migration/oracle.ts';

type Step =
  | { readonly kind: 'write'; readonly writer: number; readonly pages: readonly number[] }
  | { readonly kind: 'write-run' | 'send' | 'forget' | 'remember'; readonly at: number; readonly share: number }
  | { readonly kind: 'begin' | 'forget-writes' | 'look' };

const WRITERS = 3;
const steps = (pages: number): fc.Arbitrary<Step[]> => {
  const page = fc.nat(pages - 1);
  const run = { at: page, share: fc.double({ min: 0, max: 1, noNaN: true }) };
  return fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('write' as const),
          writer: fc.nat(WRITERS - 1),
          pages: fc.array(page),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('write-run' as const), ...run }) },
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), ...run }) },
      fc.record({ kind: fc.constantFrom('forget' as const, 'remember' as const), ...run }),
      { weight: 3, arbitrary: fc.constant({ kind: 'look' as const }) },
      fc.constantFrom({ kind: 'begin' as const }, { kind: 'forget-writes' as const }),
    ),
    { maxLength: 40 },
  );
};

/** What is known of every page, one by one. */
class SlowRows {
  readonly #pages: number;
  readonly #rowPages: number;
  readonly #dirtyBy: Set<number>[] = Array.from({ length: WRITERS }, () => new Set());
  readonly #everSent = new Set<number>();
  readonly #gone = new Set<number>();
  #begun = false;
  #written: number[][] = [];
  #sent: number[] = [];
  #again: number[] = [];

  constructor(pages: number, rowPages: number) {
    this.#pages = pages;
    this.#rowPages = rowPages;
    this.#clear();
  }

  #clear(): void {
    const zeros = (): number[] => new Array<number>(Math.ceil(this.#pages / this.#rowPages)).fill(0);
    this.#written = this.#dirtyBy.map(zeros);
    this.#sent = zeros();
    this.#again = zeros();
  }

  write(writer: number, page: number): void {
    if (this.#dirtyBy[writer]!.has(page)) return;
    this.#dirtyBy[writer]!.add(page);
    this.#written[writer]![Math.floor(page / this.#rowPages)]!++;
  }

  send(page: number): void {
    const row = Math.floor(page / this.#rowPages);
    this.#sent[row]!++;
    if (this.#everSent.has(page)) this.#again[row]!++;
    this.#everSent.add(page);
    for (const dirty of this.#dirtyBy) dirty.delete(page);
  }

  forget(page: number): void {
    this.#gone.add(page);
  }

  remember(page: number): void {
    this.#gone.delete(page);
    this.#everSent.delete(page);
  }

  forgetWrites(): void {
    for (const dirty of this.#dirtyBy) dirty.clear();
  }

  begin(): void {
    this.forgetWrites();
    this.#everSent.clear();
    this.#begun = true;
  }

  look(): object {
    const dirty = this.#sent.map(() => 0);
    for (let page = 0; page < this.#pages; page++) {
      const differs = !this.#everSent.has(page) || this.#dirtyBy.some((by) => by.has(page));
      if (this.#begun && differs && !this.#gone.has(page)) dirty[Math.floor(page / this.#rowPages)]!++;
    }
    const seen = { written: this.#written, dirty, sent: this.#sent, sentAgain: this.#again };
    this.#clear();
    return seen;
  }
}

// Rows within a chunk of the bitmaps, rows of exactly one, and rows of several (a chunk is 65,536 pages).
const shapes = fc.constantFrom([100, 1], [1000, 64], [1500, 32], [70_000, 1024], [140_000, 65_536], [200_000, 131_072]);

describe('what the oracle counts by row', () => {
  it('is what a log of every write and every transmission gives', () => {
    fc.assert(
      fc.property(
        shapes.chain(([pages, rowPages]) => fc.tuple(fc.constant([pages, rowPages] as const), steps(pages))),
        ([[pages, rowPages], list]) => {
          const oracle = new Oracle(pages, rowPages);
          const slow = new SlowRows(pages, rowPages);
          const writers = Array.from({ length: WRITERS }, (_, i) => oracle.writer(`w${i}`));
          const look = (): object => {
            const { written, dirty, sent, sentAgain } = oracle.rows.take();
            const plain = (rows: Float64Array): number[] => [...rows];
            return { written: written.map(plain), dirty: plain(dirty), sent: plain(sent), sentAgain: plain(sentAgain) };
          };
          for (const step of list) {
            switch (step.kind) {
              case 'write':
                for (const page of step.pages) {
                  writers[step.writer]!.set(page);
                  slow.write(step.writer, page);
                }
                break;
              case 'begin':
                oracle.begin();
                slow.begin();
                break;
              case 'forget-writes':
                oracle.forgetWrites();
                slow.forgetWrites();
                break;
              case 'look':
                expect(look()).toEqual(slow.look());
                break;
              default: {
                const count = 1 + Math.floor((pages - 1 - step.at) * step.share);
                if (step.kind === 'write-run') writers[0]!.setRange(step.at, count);
                else if (step.kind === 'send') oracle.sent(step.at, count);
                else if (step.kind === 'forget') oracle.forget(step.at, count);
                else {
                  // Only pages that the guest had lost come back.
                  oracle.forget(step.at, count);
                  oracle.remember(step.at, count);
                }
                for (let page = step.at; page < step.at + count; page++) {
                  if (step.kind === 'write-run') slow.write(0, page);
                  else if (step.kind === 'send') slow.send(page);
                  else if (step.kind === 'forget') slow.forget(page);
                  else slow.remember(page);
                }
              }
            }
          }
          expect(look()).toEqual(slow.look());
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);
});
