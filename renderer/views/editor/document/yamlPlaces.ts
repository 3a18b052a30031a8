// From a place in the text to the field that it belongs to, and back: for completion, explanations and jumps.
import { isMap, isScalar, isSeq, parseDocument, type Document } from 'yaml';
import type { Path } from './edits.ts';

/** Stands for what is being typed; no file has it. */
const MARK = 'brownoutCursorMark';

export interface Spot {
  readonly path: Path;
  /** The place is a key of the group at `path`, rather than the value of the field at `path`. */
  readonly isKey: boolean;
  /** Of what is typed so far. */
  readonly from: number;
  readonly to: number;
}

type Ranged = { readonly range?: readonly [number, number, number] | null };

/** Where the word at `offset` belongs. Null in a comment, or where nothing can be told. */
export function spotAt(text: string, offset: number): Spot | null {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  if (/(^|\s)#/u.test(line)) return null;
  const before = /[^\s{}[\],:][^{}[\],:]*$/u.exec(line)?.[0] ?? '';
  const word = before.startsWith('- ') || before === '-' ? before.replace(/^-\s*/u, '') : before;
  const from = offset - word.length;
  const after = /^[^\s{}[\],:#]*/u.exec(text.slice(offset))?.[0] ?? '';
  const to = offset + after.length;
  const marked = `${text.slice(0, from)}${MARK}${text.slice(to)}`;
  const found = findMark(parseDocument(marked, { logLevel: 'silent' }).contents, []);
  if (found !== null) return { ...found, from, to };
  // Alone on its line the word is a key still without its colon.
  const asKey = `${text.slice(0, from)}${MARK}: ${text.slice(to)}`;
  const key = findMark(parseDocument(asKey, { logLevel: 'silent' }).contents, []);
  return key === null ? null : { ...key, from, to };
}

function findMark(node: unknown, path: Path): Pick<Spot, 'path' | 'isKey'> | null {
  if (isScalar(node))
    return typeof node.value === 'string' && node.value.startsWith(MARK) ? { path, isKey: false } : null;
  if (isSeq(node)) {
    for (const [i, item] of node.items.entries()) {
      const found = findMark(item, [...path, i]);
      if (found !== null) return found;
    }
    return null;
  }
  if (!isMap(node)) return null;
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : '';
    if (name.startsWith(MARK)) return { path, isKey: true };
    const found = findMark(value, [...path, name]);
    if (found !== null) return found;
  }
  return null;
}

/** The field whose key or value covers `offset`; null where there is none. */
export function pathAtOffset(
  document: Document.Parsed,
  offset: number,
): { readonly path: Path; readonly from: number; readonly to: number } | null {
  const search = (node: unknown, path: Path): ReturnType<typeof pathAtOffset> => {
    if (isSeq(node)) {
      for (const [i, item] of node.items.entries()) {
        const found = search(item, [...path, i]);
        if (found !== null) return found;
      }
      return null;
    }
    if (!isMap(node)) return null;
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue;
      const here = [...path, String(key.value)];
      const keyRange = (key as Ranged).range;
      if (keyRange && offset >= keyRange[0] && offset <= keyRange[1])
        return { path: here, from: keyRange[0], to: keyRange[1] };
      const found = search(value, here);
      if (found !== null) return found;
      const range = (value as Ranged | null)?.range;
      if (isScalar(value) && range && offset >= range[0] && offset <= range[1])
        return { path: here, from: range[0], to: range[1] };
    }
    return null;
  };
  return search(document.contents, []);
}

/** Where a field, or the nearest one around it, stands in the text. */
export function offsetOfPath(document: Document.Parsed, path: Path): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) break;
      offset = (pair.key as Ranged).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = (node as Ranged | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
