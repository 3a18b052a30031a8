// JSON of strangers: whole documents, and documents between other text. Depth is bounded before a parser recurses.

import type * as z from 'zod';
import { ImportError, quote, type Place } from './problem.ts';

/** The deepest shape we read needs 6. */
export const DEPTH_MAX = 64;

export interface FoundObject {
  readonly value: unknown;
  /** Where it begins, from 1. */
  readonly line: number;
  /** The text before it on its first line. */
  readonly before: string;
}

/** Reads one JSON document. */
export function parseDocument(text: string, file: string): unknown {
  const tooDeep = firstTooDeep(text);
  if (tooDeep !== -1)
    throw new ImportError(file, { line: lineAt(text, tooDeep) }, `nested more than ${DEPTH_MAX} levels deep`);
  return parse(text, 0, text, file);
}

/** Every top-level JSON object of a text that may hold anything between them: prompts, time stamps, arrows. */
export function* findObjects(text: string, file: string): Generator<FoundObject> {
  let line = 1;
  let counted = 0;
  for (let from = text.indexOf('{'); from !== -1;) {
    for (let at = text.indexOf('\n', counted); at !== -1 && at < from; at = text.indexOf('\n', at + 1)) {
      line++;
      counted = at + 1;
    }
    const end = endOfObject(text, from, file, line);
    const before = text.slice(Math.max(text.lastIndexOf('\n', from) + 1, from - 200), from);
    yield { value: parse(text.slice(from, end), from, text, file), line, before };
    from = text.indexOf('{', end);
  }
}

/** `value` as this schema has it, or an error that names the first field that is wrong. */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  file: string,
  place: Place = {},
): z.output<Schema> {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const issue = read.error.issues[0]!;
  const path = [place.path ?? '', ...issue.path]
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 || key === '' ? String(key) : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
  throw new ImportError(file, { line: place.line, path }, issue.message);
}

function parse(text: string, offset: number, whole: string, file: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const what = (error as Error).message.replace(/,? ?"?\.{3}.*$|\s*(?:in JSON )?at position.*$/s, '');
    const line = lineAt(whole, offset + errorOffset(text));
    throw new ImportError(file, { line }, `not valid JSON (${quote(what).slice(1, -1)})`);
  }
}

const TOKEN =
  /[ \t\r\n]*(?:([{[])|([}\]])|([:,])|("(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\d.])|true\b|false\b|null\b)/uy;

/** Where JSON.parse fails: some engines do not say. Depth has been bounded before. */
function errorOffset(text: string): number {
  const open: string[] = [];
  let expected: 'value' | 'key' | 'colon' | 'separator' = 'value';
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(text);
    const start = at + (/[ \t\r\n]*/y.exec(text.slice(at, at + 100_000))?.[0].length ?? 0);
    if (match === null) return start;
    const [, opening, closing, mark, string] = match;
    if (closing !== undefined) {
      const matches = open.pop() === (closing === '}' ? '{' : '[');
      if (!matches || expected === 'colon') return start;
      expected = 'separator';
    } else if (mark === ':' && expected === 'colon') expected = 'value';
    else if (mark === ',' && expected === 'separator' && open.length > 0)
      expected = open.at(-1) === '{' ? 'key' : 'value';
    else if (mark !== undefined || expected === 'separator' || expected === 'colon') return start;
    else if (expected === 'key') {
      if (string === undefined) return start;
      expected = 'colon';
    } else if (opening !== undefined) {
      open.push(opening);
      expected = opening === '{' ? 'key' : 'value';
    } else expected = 'separator';
  }
  return text.length;
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

const QUOTE = 34;
const BACKSLASH = 92;
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [123, 125, 91, 93];

/** Position of the first bracket that opens one level too many, or -1. */
function firstTooDeep(text: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) i = endOfString(text, i);
    else if (c === OPEN_OBJECT || c === OPEN_LIST) {
      if (++depth > DEPTH_MAX) return i;
    } else if (c === CLOSE_OBJECT || c === CLOSE_LIST) depth--;
  }
  return -1;
}

function endOfObject(text: string, from: number, file: string, line: number): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) i = endOfString(text, i);
    else if (c === OPEN_OBJECT || c === OPEN_LIST) {
      if (++depth > DEPTH_MAX) throw new ImportError(file, { line }, `nested more than ${DEPTH_MAX} levels deep`);
    } else if ((c === CLOSE_OBJECT || c === CLOSE_LIST) && --depth === 0) return i + 1;
  }
  throw new ImportError(file, { line }, 'this JSON object has no end');
}

/** Of the string that begins at `from`: its closing quote, or the end of the text. */
function endOfString(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i++;
    else if (c === QUOTE) return i;
  }
  return text.length;
}
