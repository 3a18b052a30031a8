// Where nodes of a parsed document stand in its text: what an edit that changes as little as it can has to know.
import { isMap, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml';

/** The layout is one that careful edits do not deal with. */
export class CannotPlace extends Error {}

type Node = { readonly range?: readonly [number, number, number] | null | undefined };

export const startOf = (node: unknown): number => {
  const start = (node as Node | null)?.range?.[0];
  if (start === undefined) throw new CannotPlace('a node without a place');
  return start;
};

/** Where what is written of a node ends: without the comments and line breaks that the parser counts to it. */
export function endOf(text: string, node: unknown): number {
  if ((isMap(node) || isSeq(node)) && node.flow !== true) {
    const last: unknown = node.items.at(-1);
    if (last === undefined) return startOf(node);
    return isMap(node) ? pairEnd(text, last as Pair) : endOf(text, last);
  }
  const end = (node as Node | null)?.range?.[1];
  if (end === undefined) throw new CannotPlace('a node without a place');
  // A block scalar ends behind its last line break.
  return text[end - 1] === '\n' ? end - 1 : end;
}

export function pairEnd(text: string, pair: Pair): number {
  const { value } = pair;
  if (isEmpty(value)) return colonOf(text, pair) + 1;
  return endOf(text, value);
}

/** The colon behind a key. */
export function colonOf(text: string, { key }: Pair): number {
  const colon = text.indexOf(':', endOf(text, key));
  if (colon < 0) throw new CannotPlace('a key without a colon');
  return colon;
}

export const isEmpty = (node: unknown): boolean =>
  node === null || node === undefined || (isScalar(node) && node.value === null && (node.source ?? '') === '');

export function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1;
}
export function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}
export const splice = (text: string, from: number, to: number, put: string): string =>
  text.slice(0, from) + put + text.slice(to);

export function keyName(pair: Pair): string {
  if (!isScalar(pair.key)) throw new CannotPlace('a key that is no text');
  return String(pair.key.value);
}

export function find(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => keyName(pair) === key);
}
