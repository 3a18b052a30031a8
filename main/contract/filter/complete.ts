// What may come next where the cursor stands in a filter: columns, comparisons, values, `and`.
import type { FilterColumn } from './ast.ts';
import { quote, tokenise, type Token } from './tokens.ts';
import { exampleOf } from './values.ts';

export interface Completion {
  /** The stretch of the text that an option replaces. */
  readonly from: number;
  readonly to: number;
  readonly options: readonly CompletionOption[];
}

export interface CompletionOption {
  readonly text: string;
  readonly kind: 'column' | 'comparison' | 'value' | 'word';
}

const MAX_OPTIONS = 50;
type Expected = 'condition' | 'comparison' | 'value' | 'list' | 'open' | 'word';

/** `cursor` in UTF-16 units. What stands behind it is not looked at, but for the rest of the word it is in. */
export function completeFilter(text: string, cursor: number, columns: readonly FilterColumn[]): Completion {
  const before = tokenise(text.slice(0, cursor));
  const tokens = [...before.tokens];
  const unclosed = before.ok ? undefined : before.mistake;
  let partial = '';
  let from = cursor;
  const last = tokens.at(-1);
  if (unclosed !== undefined) {
    from = unclosed.position;
    partial = text.slice(from + 1, cursor);
  } else if (last?.kind === 'word' && last.position + last.length === cursor) {
    tokens.pop();
    from = last.position;
    partial = last.text;
  }
  const rest = /^[^\s()=<>!,'"]*/u.exec(text.slice(cursor))?.[0] ?? '';
  const { expected, column } = expectation(tokens, columns);
  const all = optionsFor(expected, column, columns);
  const wanted = partial.toLowerCase();
  const starts = all.filter((option) => plain(option.text).startsWith(wanted));
  const inside = all.filter(({ text: option }) => !plain(option).startsWith(wanted) && plain(option).includes(wanted));
  return { from, to: cursor + rest.length, options: [...starts, ...inside].slice(0, MAX_OPTIONS) };
}

function plain(option: string): string {
  return option.replace(/^'/u, '').toLowerCase();
}

function optionsFor(
  expected: Expected,
  column: FilterColumn | undefined,
  columns: readonly FilterColumn[],
): CompletionOption[] {
  const as = (kind: CompletionOption['kind'], texts: readonly string[]): CompletionOption[] =>
    texts.map((text) => ({ text, kind }));
  switch (expected) {
    case 'condition':
      return [
        ...as(
          'column',
          columns.map(({ name }) => name),
        ),
        ...as('word', ['not']),
      ];
    case 'comparison':
      return column === undefined || column.type === 'text'
        ? as('comparison', ['=', '!=', 'in', 'like', 'not in', 'not like', 'is unknown', 'is not unknown'])
        : as('comparison', ['<', '<=', '>', '>=', '=', '!=', 'in', 'is unknown', 'is not unknown']);
    case 'open':
      return as('word', ['(']);
    case 'value':
    case 'list':
      if (column === undefined) return [];
      if (column.type === 'text') return as('value', column.values.map(quote));
      return as('value', [exampleOf(column.type)]);
    case 'word':
      return as('word', ['and', 'or']);
  }
}

/** Walks the tokens before the cursor; mistakes are taken for what they resemble. */
function expectation(
  tokens: readonly Token[],
  columns: readonly FilterColumn[],
): { expected: Expected; column?: FilterColumn } {
  let expected: Expected = 'condition';
  let column: FilterColumn | undefined;
  let inList = false;
  for (const token of tokens) {
    const word = token.kind === 'word' ? token.text.toLowerCase() : '';
    if (word === 'and' || word === 'or' || (word === 'not' && expected === 'condition')) {
      expected = 'condition';
      column = undefined;
    } else if (token.kind === 'operator') expected = 'value';
    else if (word === 'like') expected = 'value';
    else if (word === 'in') expected = 'open';
    else if (token.kind === 'open') {
      inList = expected === 'open';
      expected = inList ? 'list' : 'condition';
    } else if (token.kind === 'comma') expected = 'list';
    else if (token.kind === 'close') {
      inList = false;
      expected = 'word';
    } else if (expected === 'condition') {
      column = columns.find(({ name }) => name.toLowerCase() === token.text.toLowerCase());
      expected = column === undefined ? 'word' : 'comparison';
    } else if (expected === 'value' || expected === 'list') expected = inList ? 'list' : 'word';
    else if (word === 'unknown') expected = 'word';
  }
  return column === undefined ? { expected } : { expected, column };
}
