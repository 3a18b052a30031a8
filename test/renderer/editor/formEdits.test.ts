// Edits of the form on their way into a long text, while the text is typed in: nothing typed is lost, and no edit reaches another
// item than the one that the person saw.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdit, valueAt, type Edit } from '../../../renderer/views/editor/document/edits.ts';
import { FormEdits } from '../../../renderer/views/editor/document/formEdits.ts';
import { Answerer, MOVED_ON, type Question } from '../../../renderer/views/editor/document/questions.ts';
import { seenBy } from '../../../renderer/views/editor/document/seen.ts';
import { editYaml, readYaml } from '../../../renderer/views/editor/document/yamlText.ts';

interface Item {
  readonly name: string;
  readonly at: string;
}
const itemsOf = (value: unknown): readonly Item[] => (valueAt(value, ['changes']) ?? []) as readonly Item[];

/** A text with both sides; the worker answers when it is told to. */
class Desk {
  text: string;
  /** What the form shows. */
  shown: unknown;
  readonly refusals: string[] = [];
  readonly onReplace: (text: string) => void;
  readonly edits: FormEdits;
  asked = 0;
  #answers: (() => void)[] = [];

  constructor(text: string, onReplace: (text: string) => void = () => undefined) {
    this.text = text;
    this.shown = readYaml(text).value;
    this.onReplace = onReplace;
    const answerer = new Answerer();
    this.edits = new FormEdits(
      {
        text: () => this.text,
        replace: (next) => {
          this.onReplace(next);
          this.text = next;
        },
        refused: (why) => this.refusals.push(why),
        settled: () => undefined,
      },
      (question: Extract<Question, { kind: 'edit' }>) => {
        this.asked++;
        return new Promise((resolve) => {
          this.#answers.push(() => {
            resolve(answerer.answer(question) as ReturnType<typeof editYaml>);
          });
        });
      },
    );
  }

  form(edit: Edit, alone = true): void {
    const seen = seenBy(this.shown, edit);
    this.shown = applyEdit(this.shown, edit);
    this.edits.push({ edits: [{ edit, seen, orders: [] }], alone });
  }
  /** By the other hand: in the text. */
  type(edit: Edit): void {
    const result = editYaml(this.text, edit);
    if (!result.ok) throw new Error(result.why);
    this.text = result.text;
  }
  /** The form has caught up with the text. */
  catchUp(): void {
    if (this.edits.waiting === 0) this.shown = readYaml(this.text).value;
  }
  async answer(): Promise<void> {
    await turns();
    this.#answers.shift()?.();
    await turns();
  }
  async settle(): Promise<void> {
    for (let answers = 0; this.edits.waiting > 0; answers++) {
      expect(answers, 'answers until all edits are made').toBeLessThan(200);
      await this.answer();
    }
    await this.edits.settled();
  }
}
async function turns(): Promise<void> {
  for (let i = 0; i < 8; i++) await Promise.resolve();
}

const FILE = `changes: # of the list
  - { name: n0, at: 0ms } # the first
  - name: n1
    at: 1ms # the second
  - { name: n2, at: 2ms }
`;
type Act =
  | { readonly by: 'form' | 'text'; readonly do: 'set' | 'remove' | 'insert'; readonly at: number }
  | { readonly by: 'worker' | 'reader' | 'comment' };
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      by: fc.constantFrom('form' as const, 'text' as const),
      do: fc.constantFrom('set' as const, 'remove' as const, 'insert' as const),
      at: fc.nat(5),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ by: fc.constantFrom('worker' as const, 'reader' as const, 'comment' as const) }),
  },
);

/** The edit that an act is on this list; null where there is no such item. */
function editOf(act: Act, items: readonly Item[], mark: string): Edit | null {
  if (!('do' in act)) return null;
  if (act.do === 'insert') {
    const value = { name: mark, at: '9ms' };
    return { kind: 'insert', path: ['changes'], index: act.at % (items.length + 1), value };
  }
  if (items.length === 0) return null;
  const index = act.at % items.length;
  if (act.do === 'remove') return items.length === 1 ? null : { kind: 'remove', path: ['changes'], index };
  return { kind: 'set', path: ['changes', index, 'at'], value: mark };
}

/** What an edit does to the item of this name, wherever it stands now. */
function meant(items: readonly Item[], edit: Edit, name: string | undefined): readonly Item[] {
  const index = items.findIndex((item) => item.name === name);
  if (edit.kind === 'set') return items.map((item, i) => (i === index ? { ...item, at: String(edit.value) } : item));
  if (edit.kind === 'remove') return items.filter((_, i) => i !== index);
  return itemsOf(applyEdit({ changes: items }, edit));
}

describe('edits of the form in a long text', () => {
  it('reach the item that was seen or are refused, and what was typed meanwhile stays', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 30 }), async (acts) => {
        const ordered: { readonly edit: Edit; readonly name: string | undefined }[] = [];
        const comments: string[] = [];
        const results: { readonly is: readonly Item[]; readonly ought: readonly Item[] }[] = [];
        const desk = new Desk(FILE, (text) => {
          const { edit, name } = ordered[desk.refusals.length + made++]!;
          // Against what stands there now, not against what the form showed.
          results.push({
            is: itemsOf(readYaml(text).value),
            ought: meant(itemsOf(readYaml(desk.text).value), edit, name),
          });
        });
        let made = 0;
        for (const [i, one] of acts.entries()) {
          if (one.by === 'worker') await desk.answer();
          else if (one.by === 'reader') desk.catchUp();
          else if (one.by === 'comment') {
            comments.push(`# typed ${i}\n`);
            desk.text += comments.at(-1)!;
          } else {
            const items = itemsOf(one.by === 'form' ? desk.shown : readYaml(desk.text).value);
            const edit = editOf(one, items, `${one.by}${i}`);
            if (edit === null) continue;
            if (one.by === 'text') {
              desk.type(edit);
              continue;
            }
            const place = edit.kind === 'set' ? edit.path[1] : edit.kind === 'remove' ? edit.index : -1;
            ordered.push({ edit, name: items[Number(place)]?.name });
            desk.form(edit);
          }
        }
        await desk.settle();
        for (const { is, ought } of results) expect(is).toEqual(ought);
        expect(made + desk.refusals.length).toBe(ordered.length);
        expect(new Set(desk.refusals)).toEqual(new Set(desk.refusals.length === 0 ? [] : [MOVED_ON]));
        for (const comment of comments) expect(desk.text).toContain(comment);
        // Where only one side works nothing is in the way of anything.
        if (!acts.some(({ by }) => by === 'text')) {
          expect(desk.refusals).toEqual([]);
          expect(itemsOf(readYaml(desk.text).value)).toEqual(itemsOf(desk.shown));
        }
      }),
    );
  });

  it('are worked out anew when the text was typed in meanwhile', async () => {
    const desk = new Desk(FILE);
    desk.form({ kind: 'set', path: ['changes', 1, 'at'], value: '5ms' });
    await turns();
    desk.text = `# typed\n${desk.text}`;
    await desk.settle();
    expect(desk.text).toBe(`# typed\n${FILE.replace('1ms', '5ms')}`);
    expect(desk.asked).toBe(2);
  });

  it('of an item that is another now are refused', async () => {
    const desk = new Desk(FILE);
    desk.type({ kind: 'remove', path: ['changes'], index: 0 });
    const before = desk.text;
    desk.form({ kind: 'set', path: ['changes', 1, 'at'], value: '5ms' });
    await desk.settle();
    expect(desk.refusals).toEqual([MOVED_ON]);
    expect(desk.text).toBe(before);
  });

  it('typed in one field become one once the first is under way', async () => {
    const desk = new Desk(FILE);
    for (const value of ['1', '10', '100', '100m', '100ms'])
      desk.form({ kind: 'set', path: ['changes', 2, 'at'], value }, false);
    await desk.settle();
    expect(desk.text).toBe(FILE.replace('2ms', '100ms'));
    expect(desk.asked).toBe(2);
  });

  it('do not outlive the text that they were for', async () => {
    const desk = new Desk(FILE);
    desk.form({ kind: 'set', path: ['changes', 0, 'at'], value: '5ms' });
    await turns();
    desk.edits.clear();
    desk.text = 'changes: [{ name: n9, at: 9ms }]\n';
    await desk.answer();
    await desk.edits.settled();
    expect(desk.text).toBe('changes: [{ name: n9, at: 9ms }]\n');
  });
});
