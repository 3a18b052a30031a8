// Edits of an experiment's text that leave everything else as people wrote it: comments, order, spaces, quotes.
//
// Theory: the document is parsed for the places of its nodes, and the edit changes as few characters as it can (the place of
// one value, one line, one item). The result is parsed again and must mean what edits.ts says that the edit means. Where it
// does not (anchors in the way, tabs, unusual layout), the yaml package's own Document does the edit, which keeps comments and
// prints the rest anew; that result is checked in the same way. An edit that neither can make is refused with its reason.
import { isAlias, isMap, isScalar, isSeq, parseDocument, type Document, type Pair, type YAMLMap } from 'yaml';
import { applyEdit, pathText, sameValue, type Edit, type Path } from './edits.ts';
import { insertItem, removeItem, swapItems } from './yamlItems.ts';
import {
  CannotPlace,
  colonOf,
  endOf,
  find,
  isEmpty,
  keyName,
  lineEnd,
  lineStart,
  pairEnd,
  splice,
  startOf,
} from './yamlNodes.ts';
import { printBlock, printField, printInline, printScalar } from './yamlPrint.ts';

export interface Read {
  readonly document: Document.Parsed;
  /** Undefined where the text is no YAML. */
  readonly value: unknown;
  /** The first error of the text; null where it can be read. */
  readonly error: { readonly message: string; readonly offset: number } | null;
}

export type Edited = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

/** Order of keys in a group, as its schema has them; where a new key goes. */
export type KeyOrder = (group: Path) => readonly string[];

const ANY_ORDER: KeyOrder = () => [];

export function readYaml(text: string): Read {
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'silent' });
  const [error] = document.errors;
  if (error !== undefined)
    return { document, value: undefined, error: { message: firstLine(error.message), offset: error.pos[0] } };
  try {
    return { document, value: document.toJS({ maxAliasCount: 100 }) as unknown, error: null };
  } catch (thrown) {
    return { document, value: undefined, error: { message: firstLine(String(thrown)), offset: 0 } };
  }
}

const firstLine = (message: string): string => message.split('\n', 1)[0]!;

export function editYaml(text: string, edit: Edit, order: KeyOrder = ANY_ORDER): Edited {
  const read = readYaml(text);
  if (read.error !== null) return { ok: false, why: `the text cannot be read: ${read.error.message}` };
  const wanted = applyEdit(read.value ?? {}, edit);
  if (sameValue(wanted, read.value)) return { ok: true, text };
  const means = (changed: string | undefined): changed is string =>
    changed !== undefined && sameValue(readYaml(changed).value, wanted);
  const careful = attempt(() => surgery(text, read.document, edit, order));
  if (means(careful)) return { ok: true, text: careful };
  const printed = attempt(() => reprint(text, edit));
  if (means(printed)) return { ok: true, text: printed };
  return { ok: false, why: `${pathText(edit.path)} cannot be changed from the form here; change it in the text` };
}

function attempt(work: () => string): string | undefined {
  try {
    return work();
  } catch {
    // Whatever the layout was that this way cannot deal with: the next way is tried, and its result is checked.
    return undefined;
  }
}

function surgery(text: string, document: Document.Parsed, edit: Edit, order: KeyOrder): string {
  const root: unknown = document.contents;
  switch (edit.kind) {
    case 'set':
      return setAt(text, root, edit.path, edit.value, order);
    case 'unset':
      return unsetAt(text, root, edit.path);
    case 'insert': {
      const list = nodeAt(root, edit.path);
      if (!isSeq(list) || list.items.length === 0) return setAt(text, root, edit.path, [edit.value], order);
      return insertItem(text, list, edit.index, edit.value);
    }
    case 'remove': {
      const list = nodeAt(root, edit.path);
      if (!isSeq(list)) throw new CannotPlace('no list');
      return removeItem(text, list, edit.index);
    }
    case 'move': {
      let moved = text;
      const step = edit.to < edit.from ? -1 : 1;
      // Neighbour by neighbour, so that whatever stands between two items stays where it is.
      for (let at = edit.from; at !== edit.to; at += step) {
        const list = nodeAt(readYaml(moved).document.contents, edit.path);
        if (!isSeq(list)) throw new CannotPlace('no list');
        moved = swapItems(moved, list, Math.min(at, at + step));
      }
      return moved;
    }
  }
}

function nodeAt(root: unknown, path: Path): unknown {
  let node: unknown = root;
  for (const step of path) {
    if (isAlias(node)) throw new CannotPlace('an alias');
    if (typeof step === 'number') node = isSeq(node) ? node.items[step] : undefined;
    else node = isMap(node) ? find(node, step)?.value : undefined;
  }
  return node;
}

/** What has to be written at a place when only the rest of the path is missing. */
function wrapped(rest: Path, value: unknown): unknown {
  return rest.reduceRight<unknown>((inner, step) => (typeof step === 'number' ? [inner] : { [step]: inner }), value);
}

function setAt(text: string, root: unknown, path: Path, value: unknown, order: KeyOrder): string {
  if (root === null || (isScalar(root) && root.value === null)) {
    const [key, ...rest] = path;
    if (typeof key !== 'string') throw new CannotPlace('the file is empty');
    const gap = text === '' || text.endsWith('\n') ? '' : '\n';
    return `${text}${gap}${printField(key, wrapped(rest, value), '', true)}\n`;
  }
  let node: unknown = root;
  let pair: Pair | undefined;
  for (const [i, step] of path.entries()) {
    const rest = path.slice(i + 1);
    if (isMap(node) && typeof step === 'string') {
      const found: Pair | undefined = find(node, step);
      if (found === undefined)
        return insertKey(text, node, step, wrapped(rest, value), { known: order(path.slice(0, i)), top: i === 0 });
      pair = found;
      node = found.value;
      if (isEmpty(node)) {
        const at = colonOf(text, found) + 1;
        return splice(text, at, at, ` ${printInline(wrapped(rest, value))}`);
      }
    } else if (isSeq(node) && typeof step === 'number') {
      if (step >= node.items.length) return insertItem(text, node, step, wrapped(rest, value));
      pair = undefined;
      node = node.items[step];
    } else {
      return replaceNode(text, node, pair, wrapped(path.slice(i), value));
    }
  }
  return replaceNode(text, node, pair, value);
}

function replaceNode(text: string, node: unknown, pair: Pair | undefined, value: unknown): string {
  if (isScalar(node) && node.type === 'BLOCK_LITERAL' && pair !== undefined && typeof value === 'string') {
    const start = startOf(pair.key);
    const block = printBlock(value, ' '.repeat(start - lineStart(text, start) + 2));
    if (block !== null) return splice(text, startOf(node), endOf(text, node), block);
  }
  const inline = printInline(value);
  if ((isMap(node) || isSeq(node)) && node.flow !== true && pair !== undefined) {
    return splice(text, colonOf(text, pair) + 1, endOf(text, node), ` ${inline}`);
  }
  return splice(text, startOf(node), endOf(text, node), inline);
}

function insertKey(
  text: string,
  map: YAMLMap,
  key: string,
  value: unknown,
  { known, top }: { readonly known: readonly string[]; readonly top: boolean },
): string {
  const place = known.indexOf(key);
  const before = map.items.findLast((pair) => {
    const at = known.indexOf(keyName(pair));
    return place < 0 || (at >= 0 && at < place);
  });
  const pred = before ?? map.items.at(-1);
  if (map.flow === true) {
    const field = `${printScalar(key)}: ${printInline(value)}`;
    if (pred === undefined) return splice(text, startOf(map), endOf(text, map), `{ ${field} }`);
    const at = pairEnd(text, pred);
    const start = startOf(pred.key);
    const own = text.slice(lineStart(text, start), start);
    const written = quotedLike(text, pred, field, key);
    const end = lineEnd(text, at);
    const rest = /^(\s*,)?[ \t]*(#.*)?$/u.exec(text.slice(at, end));
    if (own.trim() !== '') return splice(text, at, at, `, ${written}`);
    if (rest === null) return splice(text, at, at, `,\n${own}${written}`);
    // Each key has a line: the comment at the end of the one before stays there.
    const added = splice(text, end, end, `\n${own}${written}${rest[1] === undefined ? '' : ','}`);
    return rest[1] === undefined ? splice(added, at, at, ',') : added;
  }
  if (pred === undefined) throw new CannotPlace('an empty group');
  const start = startOf(pred.key);
  const indent = ' '.repeat(start - lineStart(text, start));
  const at = lineEnd(text, pairEnd(text, pred));
  return splice(text, at, at, `\n${indent}${printField(key, value, indent, top)}`);
}

/** JSON stays JSON. */
function quotedLike(text: string, pred: Pair, field: string, key: string): string {
  return text[startOf(pred.key)] === '"' ? `${JSON.stringify(key)}${field.slice(printScalar(key).length)}` : field;
}

function unsetAt(text: string, root: unknown, path: Path): string {
  const key = path.at(-1);
  const map = nodeAt(root, path.slice(0, -1));
  if (!isMap(map) || typeof key !== 'string') throw new CannotPlace('no group');
  const index = map.items.findIndex((pair) => keyName(pair) === key);
  const pair = map.items[index];
  if (pair === undefined) throw new CannotPlace('no such field');
  const start = startOf(pair.key);
  const end = pairEnd(text, pair);
  const next = map.items[index + 1];
  const previous = map.items[index - 1];
  if (map.flow === true) {
    if (next !== undefined) return splice(text, start, startOf(next.key), '');
    if (previous !== undefined) return splice(text, pairEnd(text, previous), end, '');
    return splice(text, startOf(map), endOf(text, map), '{}');
  }
  if (map.items.length === 1) return emptied(text, root, path.slice(0, -1), start, end, '{}');
  const begin = lineStart(text, start);
  if (text.slice(begin, start).trim() === '') {
    const stop = lineEnd(text, end);
    return stop === text.length ? text.slice(0, Math.max(0, begin - 1)) : splice(text, begin, stop + 1, '');
  }
  // The first field of a list's item stands behind the dash: the next one (or a comment before it) moves up to it.
  const after = text.slice(lineEnd(text, end));
  return splice(text, start, lineEnd(text, end) + (after.length - after.trimStart().length), '');
}

/** `key: {}` where the last field or item was; what stands around it stays. */
function emptied(text: string, root: unknown, path: Path, start: number, end: number, empty: string): string {
  const key = path.at(-1);
  if (typeof key === 'string') {
    const parent = nodeAt(root, path.slice(0, -1));
    const pair = isMap(parent) ? find(parent, key) : undefined;
    if (pair !== undefined) {
      const from = colonOf(text, pair) + 1;
      if (!text.slice(from, start).includes('#')) return splice(text, from, end, ` ${empty}`);
    }
  }
  return splice(text, start, end, empty);
}

function reprint(text: string, edit: Edit): string {
  const document = parseDocument(text, { logLevel: 'silent' });
  document.contents ??= document.createNode({}) as unknown as typeof document.contents;
  switch (edit.kind) {
    case 'set':
      setIn(document, edit.path, edit.value);
      break;
    case 'unset':
      document.deleteIn(edit.path);
      break;
    case 'insert': {
      const list: unknown = document.getIn(edit.path);
      if (isSeq(list)) list.items.splice(edit.index, 0, document.createNode(edit.value));
      else setIn(document, edit.path, [edit.value]);
      break;
    }
    case 'remove':
      document.deleteIn([...edit.path, edit.index]);
      break;
    case 'move': {
      const list: unknown = document.getIn(edit.path);
      if (!isSeq(list)) throw new CannotPlace('no list');
      const [item] = list.items.splice(edit.from, 1);
      list.items.splice(edit.to, 0, item);
    }
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** As Document.setIn, which refuses to go below a value that is no group. */
function setIn(document: Document, path: Path, value: unknown): void {
  for (let length = 1; length < path.length; length++) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (node !== undefined && !isMap(node) && !isSeq(node)) {
      document.setIn(path.slice(0, length), document.createNode(wrapped(path.slice(length), value)));
      return;
    }
  }
  document.setIn(path, document.createNode(value));
}
