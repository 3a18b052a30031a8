// What a person saw when an edit was made in the form. An edit names its place by numbers (`changes[3]`), and in a text that was
// changed meanwhile another item may stand there: so the item goes along, and the edit is made only where it still is.
import { sameValue, valueAt, type Edit, type Path } from './edits.ts';

export interface Seen {
  /** Items of lists that the edit is in or takes away, the outermost: what is inside of them is part of them. */
  readonly items: readonly { readonly path: Path; readonly value: unknown }[];
  /** Lists that get an item more or less, or another order. */
  readonly lengths: readonly { readonly path: Path; readonly length: number }[];
}

const lengthAt = (value: unknown, path: Path): number => {
  const list = valueAt(value, path);
  return Array.isArray(list) ? list.length : -1;
};

/** `value`: the file as the form showed it. */
export function seenBy(value: unknown, edit: Edit): Seen {
  const first = edit.path.findIndex((step) => typeof step === 'number');
  const item = (path: Path): Seen['items'][number] => ({ path, value: valueAt(value, path) });
  const around = first < 0 ? [] : [item(edit.path.slice(0, first + 1))];
  if (edit.kind === 'set' || edit.kind === 'unset') return { items: around, lengths: [] };
  const lengths = [{ path: edit.path, length: lengthAt(value, edit.path) }];
  if (edit.kind === 'insert') return { items: around, lengths };
  return { items: [...around, item([...edit.path, edit.kind === 'remove' ? edit.index : edit.from])], lengths };
}

export function isStillThere(value: unknown, { items, lengths }: Seen): boolean {
  return (
    items.every((item) => sameValue(valueAt(value, item.path), item.value)) &&
    lengths.every(({ path, length }) => lengthAt(value, path) === length)
  );
}
