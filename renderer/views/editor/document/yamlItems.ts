// Items of a list put in, taken out and swapped in the text, with the comments that are theirs.
import type { YAMLSeq } from 'yaml';
import { CannotPlace, endOf, lineEnd, lineStart, splice, startOf } from './yamlNodes.ts';
import { printInline } from './yamlPrint.ts';

/** Place of an item's dash. */
function dashOf(text: string, list: YAMLSeq, index: number): number {
  const start = startOf(list.items[index]);
  const dash = text.lastIndexOf('-', start - 1);
  if (dash < 0 || text.slice(dash + 1, start).trim() !== '') throw new CannotPlace('an item without a dash of its own');
  return dash;
}

interface Chunk {
  readonly from: number;
  readonly to: number;
}

/** The lines of an item, with the comment lines right above it. */
function linesOf(text: string, list: YAMLSeq, index: number, withComments: boolean): Chunk {
  const dash = dashOf(text, list, index);
  let from = lineStart(text, dash);
  const indent = text.slice(from, dash);
  if (indent.trim() !== '') throw new CannotPlace('an item that shares its line');
  while (withComments && from > 0) {
    const above = lineStart(text, from - 1);
    if (!text.slice(above, from).startsWith(`${indent}#`)) break;
    from = above;
  }
  return { from, to: lineEnd(text, endOf(text, list.items[index])) };
}

export function insertItem(text: string, list: YAMLSeq, index: number, value: unknown): string {
  const inline = printInline(value);
  const previous = list.items[Math.min(index, list.items.length) - 1];
  if (list.flow === true) {
    if (list.items.length === 0) return splice(text, startOf(list), endOf(text, list), `[${inline}]`);
    if (previous === undefined) return splice(text, startOf(list.items[0]), startOf(list.items[0]), `${inline}, `);
    const at = endOf(text, previous);
    return splice(text, at, at, `, ${inline}`);
  }
  if (previous === undefined) {
    const dash = dashOf(text, list, 0);
    const indent = ' '.repeat(dash - lineStart(text, dash));
    return splice(text, dash, dash, `- ${inline}\n${indent}`);
  }
  const dash = dashOf(text, list, Math.min(index, list.items.length) - 1);
  const indent = ' '.repeat(dash - lineStart(text, dash));
  const at = lineEnd(text, endOf(text, previous));
  return splice(text, at, at, `\n${indent}- ${inline}`);
}

export function removeItem(text: string, list: YAMLSeq, index: number): string {
  const item = list.items[index];
  if (item === undefined) throw new CannotPlace('no such item');
  if (list.flow === true) {
    const next = list.items[index + 1];
    if (next !== undefined) return splice(text, startOf(item), startOf(next), '');
    const previous = list.items[index - 1];
    if (previous === undefined) return splice(text, startOf(list), endOf(text, list), '[]');
    return splice(text, endOf(text, previous), endOf(text, item), '');
  }
  if (list.items.length === 1) {
    const dash = dashOf(text, list, 0);
    const end = endOf(text, item);
    const before = text.slice(0, dash).trimEnd();
    return before.endsWith(':') ? `${before} []${text.slice(end)}` : splice(text, dash, end, '[]');
  }
  const { from, to } = linesOf(text, list, index, false);
  return to === text.length ? text.slice(0, Math.max(0, from - 1)) : splice(text, from, to + 1, '');
}

/** Changes places of an item and the one behind it. */
export function swapItems(text: string, list: YAMLSeq, index: number): string {
  const chunk = (at: number): Chunk =>
    list.flow === true
      ? { from: startOf(list.items[at]), to: endOf(text, list.items[at]) }
      : linesOf(text, list, at, at > 0);
  const a = chunk(index);
  const b = chunk(index + 1);
  return (
    text.slice(0, a.from) +
    text.slice(b.from, b.to) +
    text.slice(a.to, b.from) +
    text.slice(a.from, a.to) +
    text.slice(b.to)
  );
}
