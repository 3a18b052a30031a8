// An experiment file's text with its positions: YAML 1.2 (which JSON is part of) to plain values, and from a path back
// to line and column.
//
// The `yaml` package keeps comments and positions; the conversion to plain values is ours, so that depth, size and
// aliases are bounded before anything is built: a few lines of aliases of aliases would expand to gigabytes.
// Refused besides syntax errors: several documents, tags, merge keys, duplicate keys, keys that are not text.

import { Composer, Lexer, Parser, isAlias, isMap, isPair, isScalar, isSeq } from 'yaml';
import type { CST, Node, ParsedNode, YAMLError, Document } from 'yaml';
import { invariant } from '../core/invariant.ts';
import { MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES, MAX_PROBLEMS } from './limits.ts';
import { describe } from './quantity.ts';

export type Path = readonly (string | number)[];

export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** The field: `guest.workloads[0].rate`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What would be right; may be empty. */
  readonly hint: string;
}

/** Where a problem belongs, before it has a position. */
export interface Finding {
  readonly path: Path;
  /** Points to the key rather than to its value. */
  readonly atKey?: boolean;
  /** Where the text itself is at fault, instead of the place of the path. */
  readonly offset?: number;
  readonly message: string;
  readonly hint?: string;
}

export interface Position {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** A text that was read; keeps the YAML document, so that an editor can change fields and keep comments. */
export class ExperimentSource {
  readonly text: string;
  readonly fileName: string;
  readonly document: Document.Parsed;
  readonly value: unknown;
  readonly #lines: readonly number[];

  constructor(text: string, fileName: string, document: Document.Parsed, lines: readonly number[], value: unknown) {
    this.text = text;
    this.fileName = fileName;
    this.document = document;
    this.#lines = lines;
    this.value = value;
  }

  /** The place of a field, or of the nearest enclosing one that the text has. */
  locate(path: Path, atKey = false): Position {
    return positionAt(this.#lines, offsetOf(this.document, path, atKey));
  }

  problem({ path, atKey = false, offset, message, hint = '' }: Finding): Problem {
    const { line, column } = offset === undefined ? this.locate(path, atKey) : positionAt(this.#lines, offset);
    return { file: this.fileName, line, column, path: pathText(path), message, hint };
  }
}

export type ReadResult =
  | { readonly ok: true; readonly source: ExperimentSource; readonly findings: readonly Finding[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads text into values. `findings` are problems inside the values that do not keep the rest from being checked. */
export function readSource(raw: string, fileName: string): ReadResult {
  const text = raw.startsWith('\uFEFF') ? raw.slice(1) : raw;
  const whole = (message: string, hint: string, offset = 0, lines: readonly number[] = [0]): ReadResult => {
    const { line, column } = positionAt(lines, offset);
    return { ok: false, problems: [{ file: fileName, line, column, path: '', message, hint }] };
  };
  const bytes = utf8Bytes(text);
  if (bytes > MAX_FILE_BYTES) {
    return whole(`the file has ${bytes} bytes, at most ${MAX_FILE_BYTES} (1 MiB) are read`, 'Is this an experiment?');
  }
  const lines = lineStarts(text);
  const hint = 'An experiment needs 8 levels.';
  const open = flowTooDeep(text);
  if (open !== undefined) return whole(`groups and lists are nested deeper than ${MAX_DEPTH}`, hint, open, lines);
  const tokens = [...new Parser().parse(text)];
  const bounds = measure(tokens);
  if (bounds.deepAt !== undefined) {
    return whole(`groups and lists are nested deeper than ${MAX_DEPTH}`, hint, bounds.deepAt, lines);
  }
  if (bounds.count > MAX_NODES) {
    return whole(`the file has more than ${MAX_NODES} values`, 'Is this an experiment?');
  }
  const composer = new Composer<ParsedNode>({ version: '1.2', uniqueKeys: false, prettyErrors: false });
  const documents = [...composer.compose(tokens, true, text.length)];
  const document = documents[0];
  invariant(document !== undefined, 'forceDoc yields a document');
  const errors = documents.flatMap((each) => [...each.errors, ...each.warnings]);
  if (errors.length > 0) {
    const problems = errors.slice(0, MAX_PROBLEMS).map((error) => {
      const { line, column } = positionAt(lines, error.pos[0]);
      const path = pathText(pathAt(document, error.pos[0]));
      return { file: fileName, line, column, path, ...syntaxMessage(error, text) };
    });
    return { ok: false, problems };
  }
  if (documents.length > 1) {
    const second = documents[1]!.range[0];
    return whole('the file holds more than one document', 'Put each experiment into a file of its own.', second, lines);
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    return whole('the file is empty', 'The smallest experiment is:\nname: First\nguest: {memory: 1GiB}');
  }
  const converter = new Converter(document);
  const value = converter.convert(document.contents, [], 0);
  const source = new ExperimentSource(text, fileName, document, lines, value);
  if (converter.fatal !== undefined) return { ok: false, problems: [source.problem(converter.fatal)] };
  return { ok: true, source, findings: converter.findings };
}

/** YAML nodes to plain values, counting what aliases expand to. */
class Converter {
  readonly findings: Finding[] = [];
  fatal: Finding | undefined;
  readonly #document: Document.Parsed;
  #nodes = 0;

  constructor(document: Document.Parsed) {
    this.#document = document;
  }

  convert(node: Node | null, path: Path, depth: number): unknown {
    if (this.fatal !== undefined || node === null) return null;
    this.#nodes++;
    if (this.#nodes > MAX_NODES) {
      this.fatal = {
        path,
        message: `the file has more than ${MAX_NODES} values once its aliases are followed`,
        hint: 'Aliases of aliases multiply; write the values out where they are few.',
      };
      return null;
    }
    if (depth > MAX_DEPTH) {
      this.fatal = { path, message: `aliases nest groups and lists deeper than ${MAX_DEPTH}` };
      return null;
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target === undefined) {
        this.findings.push({ path, message: `nothing is called '&${node.source}' before this alias` });
        return null;
      }
      return this.convert(target, path, depth + 1);
    }
    if (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:')) {
      this.findings.push({ path, message: `the tag ${describe(node.tag)} means nothing here`, hint: 'Leave it out.' });
    }
    if (isMap(node)) {
      // No prototype: a key called __proto__ is a key like any other, and is refused as unknown.
      const result = Object.create(null) as Record<string, unknown>;
      const seen = new Set<string>();
      for (const pair of node.items) {
        invariant(isPair(pair), 'a map holds pairs');
        const key = isScalar(pair.key) ? pair.key.value : undefined;
        if (typeof key !== 'string') {
          this.findings.push({
            path,
            message: 'a key is not plain text',
            offset: startOf(pair.key as Node | null),
            hint: 'Write it in quotes if it is meant so.',
          });
          continue;
        }
        if (seen.has(key)) {
          const hint = 'Keep one of the two.';
          this.findings.push({
            path: [...path, key],
            message: 'this key stands here twice',
            hint,
            offset: startOf(pair.key as Node),
          });
          continue;
        }
        seen.add(key);
        result[key] = this.convert(pair.value as Node | null, [...path, key], depth + 1);
      }
      return result;
    }
    if (isSeq(node)) return node.items.map((item, i) => this.convert(item as Node | null, [...path, i], depth + 1));
    invariant(isScalar(node), 'a node is an alias, a map, a list or a scalar');
    return this.#scalar(node.value, node.source ?? '', path);
  }

  #scalar(value: unknown, source: string, path: Path): unknown {
    if (typeof value === 'number' && (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER)) {
      this.findings.push({ path, message: `the number ${source} is not finite and exact` });
      return null;
    }
    return typeof value === 'bigint' ? Number(value) : value;
  }
}

/** Offsets at which lines begin. (The parser's own counter misses line feeds inside tokens that are in error.) */
function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function positionAt(starts: readonly number[], offset: number): Position {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { offset, line: low + 1, column: offset - starts[low]! + 1 };
}

/** Where a path's value (or key) begins in the text; aliases lead to what they stand for only as far as needed. */
function offsetOf(document: Document.Parsed, path: Path, atKey: boolean): number {
  let node: Node | null = document.contents;
  let offset = startOf(node);
  for (let i = 0; i < path.length; i++) {
    const step = path[i]!;
    if (isAlias(node)) node = node.resolve(document) ?? null;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
      if (!pair) break;
      const key = pair.key as Node;
      const value = pair.value as Node | null;
      const last = i === path.length - 1;
      // A value that is not there (`guest:` and nothing more) is pointed to by its key.
      const absent = value === null || (isScalar(value) && value.value === null && value.source === '');
      offset = (last && atKey) || absent ? startOf(key) : startOf(value);
      node = value;
    } else if (isSeq(node) && typeof step === 'number') {
      const item = node.items[step] as Node | null | undefined;
      if (!item) break;
      offset = startOf(item);
      node = item;
    } else {
      break;
    }
  }
  return offset;
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

/** The path of the innermost field that contains an offset: for errors of the text itself. */
function pathAt(document: Document.Parsed, offset: number): Path {
  const path: (string | number)[] = [];
  let node: Node | null = document.contents;
  const begun = (part: unknown): part is Node => {
    const range = (part as Node | null)?.range;
    return range !== undefined && range !== null && range[0] <= offset;
  };
  for (;;) {
    if (isMap(node)) {
      const pair = node.items.findLast((item) => begun(item.key));
      if (!pair || !isScalar(pair.key)) break;
      path.push(String(pair.key.value));
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      const index = node.items.findLastIndex((item) => begun(item));
      if (index < 0) break;
      path.push(index);
      node = node.items[index] as Node;
    } else {
      break;
    }
  }
  return path;
}

/** The offset at which '[' and '{' nest deeper than allowed: seen by the lexer, before a tree is built. */
function flowTooDeep(text: string): number | undefined {
  let depth = 0;
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '[' || lexeme === '{') depth++;
    else if (lexeme === ']' || lexeme === '}') depth = Math.max(0, depth - 1);
    if (depth > MAX_DEPTH) return offset;
    // The lexer's own marks for documents and scalars are not part of the text.
    if (!LEXER_MARKS.includes(lexeme)) offset += lexeme.length;
  }
  return undefined;
}
const LEXER_MARKS = ['\u0002', '\u0018', '\u001f'];

/** How many values the tokens hold, and where they nest deeper than allowed; without recursion. */
function measure(tokens: readonly CST.Token[]): { count: number; deepAt?: number } {
  const pending: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  let count = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    count++;
    if (depth > MAX_DEPTH) return { count, deepAt: token.offset };
    if (token.type === 'document') {
      if (token.value) pending.push({ token: token.value, depth });
    } else if (token.type === 'block-map' || token.type === 'block-seq' || token.type === 'flow-collection') {
      for (const { key, value } of token.items) {
        if (key) pending.push({ token: key, depth: depth + 1 });
        if (value) pending.push({ token: value, depth: depth + 1 });
      }
    }
  }
  return { count };
}

/** The parser's message with a hint for what people write most often. */
function syntaxMessage(error: YAMLError, text: string): { message: string; hint: string } {
  const rest = text.slice(error.pos[0], error.pos[0] + 60).split('\n')[0]!;
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { message: 'a tab is used to indent', hint: 'YAML wants spaces.' };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        message: 'a second key begins inside a value',
        hint: 'Put it on a line of its own, or the value in quotes if the colon belongs to it.',
      };
    case 'MISSING_CHAR':
      return {
        message: 'a quote, a bracket or a colon is missing here or before',
        hint: error.message.split('\n')[0]!,
      };
    case 'BAD_INDENT':
      if (error.message.startsWith('Flow')) {
        return { message: "a '{' or '[' before this place is not closed", hint: error.message.split('\n')[0]! };
      }
      return {
        message: 'the indentation does not fit the lines above',
        hint: 'Fields of one group start in one column.',
      };
    case 'UNEXPECTED_TOKEN':
      if (/^[>|]|^=/u.test(rest) || /[>|]\s*$/u.test(text.slice(0, error.pos[0]).split('\n').at(-1)!)) {
        return {
          message: "YAML reads a plain '>' or '|' as the start of a text block",
          hint: "Put it in quotes: '> 0'",
        };
      }
      break;
    default:
  }
  const words = describe(error.message.split('\n')[0]).slice(1, -1);
  return { message: `not readable as YAML: ${words}`, hint: '' };
}

/** Bytes of the text in UTF-8; lone surrogates count as the replacement character. */
function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
