// The filter language: `downtime < 300ms and device in (nic, gpu) and not lost > 0`.
//
//   filter     = any
//   any        = all { "or" all }
//   all        = one { ["and"] one }            words side by side must all hold
//   one        = "not" one | "(" any ")" | condition
//   condition  = column op value                op: = != < <= > >=
//              | column ["not"] "in" "(" value { "," value } ")"
//              | column ["not"] "like" value    % any text, _ one character
//              | column "is" ["not"] "unknown"
//              | text                           stands in name, note, tags or file name
// A value is one word or a text in quotes; a number and its unit may stand apart (`300 ms`). Names and words of the
// language may be written in upper or lower case. The empty filter holds for every run.
import type { Comparison, FilterColumn, FilterMistake, FilterNode, FilterValue } from './ast.ts';
import { nearest } from './nearest.ts';
import { tokenise, type Token } from './tokens.ts';
import { exampleOf, readValue } from './values.ts';

export type ParsedFilter =
  { readonly ok: true; readonly node: FilterNode } | { readonly ok: false; readonly mistake: FilterMistake };

/** Brackets inside brackets at most; SQLite's own limit on the depth of an expression is 1,000. */
const MAX_DEPTH = 100;
/** Conditions of one filter at most. */
const MAX_CONDITIONS = 500;
const KEYWORDS = ['and', 'or', 'not', 'in', 'like', 'is', 'unknown'];

class Mistake extends Error {
  readonly mistake: FilterMistake;

  constructor(mistake: FilterMistake) {
    super(mistake.message);
    this.mistake = mistake;
  }
}

export function parseFilter(text: string, columns: readonly FilterColumn[]): ParsedFilter {
  const read = tokenise(text);
  if (!read.ok) return { ok: false, mistake: read.mistake };
  try {
    return { ok: true, node: new Parser(read.tokens, text.length, columns).filter() };
  } catch (error) {
    if (error instanceof Mistake) return { ok: false, mistake: error.mistake };
    throw error;
  }
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  readonly #columns: ReadonlyMap<string, FilterColumn>;
  #at = 0;
  #depth = 0;
  #conditions = 0;

  constructor(tokens: readonly Token[], end: number, columns: readonly FilterColumn[]) {
    this.#tokens = tokens;
    this.#end = end;
    this.#columns = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  }

  filter(): FilterNode {
    if (this.#tokens.length === 0) return { kind: 'all', items: [] };
    const node = this.#any();
    const extra = this.#peek();
    if (extra !== undefined) throw this.#mistake(`'${extra.text}' does not belong here`, '', extra);
    return node;
  }

  #any(): FilterNode {
    const items = [this.#all()];
    while (this.#takeWord('or')) items.push(this.#all());
    return items.length === 1 ? items[0]! : { kind: 'any', items };
  }

  #all(): FilterNode {
    const items = [this.#one()];
    for (;;) {
      if (this.#takeWord('and')) items.push(this.#one());
      else {
        const next = this.#peek();
        if (next === undefined || next.kind === 'close' || isWord(next, 'or')) break;
        items.push(this.#one());
      }
    }
    return items.length === 1 ? items[0]! : { kind: 'all', items };
  }

  #one(): FilterNode {
    if (++this.#depth > MAX_DEPTH) throw this.#mistake('the filter is nested too deeply', '', this.#peek());
    try {
      if (this.#takeWord('not')) return { kind: 'not', item: this.#one() };
      const token = this.#peek();
      if (token?.kind === 'open') {
        this.#at++;
        const node = this.#any();
        if (this.#peek()?.kind !== 'close') throw this.#mistake("a '(' is not closed", 'Add ).', token);
        this.#at++;
        return node;
      }
      return this.#condition();
    } finally {
      this.#depth--;
    }
  }

  #condition(): FilterNode {
    const token = this.#peek();
    if (token === undefined) throw this.#mistake('something is missing at the end', 'For example: downtime < 300ms');
    if (token.kind !== 'word' && token.kind !== 'quoted') {
      throw this.#mistake(`'${token.text}' does not belong here`, 'A condition begins with a column: lost > 0', token);
    }
    if (++this.#conditions > MAX_CONDITIONS) throw this.#mistake('too many conditions', '', token);
    if (token.kind === 'word' && KEYWORDS.includes(token.text.toLowerCase())) {
      throw this.#mistake(`'${token.text}' does not belong here`, `As a text to search for: '${token.text}'`, token);
    }
    this.#at++;
    const next = this.#peek();
    if (next?.kind === 'operator') {
      this.#at++;
      return this.#compare(this.#column(token), next.text as Comparison);
    }
    if (this.#takeWord('is')) return this.#known(this.#column(token));
    const negated = isWord(next, 'not') && (isWord(this.#peek(1), 'in') || isWord(this.#peek(1), 'like'));
    if (negated) this.#at++;
    const node = this.#takeWord('in')
      ? this.#in(this.#column(token))
      : this.#takeWord('like')
        ? this.#like(this.#column(token))
        : undefined;
    if (node !== undefined) return negated ? { kind: 'not', item: node } : node;
    const column = token.kind === 'word' ? this.#columns.get(token.text.toLowerCase()) : undefined;
    if (column !== undefined) {
      const message = `${column.name} needs a comparison`;
      const hint = `For example: ${column.name} ${column.type === 'text' ? '=' : '>'} ${exampleOf(column.type)}; as a text to search for: '${column.name}'`;
      throw this.#mistake(message, hint, token);
    }
    return { kind: 'text', text: token.text };
  }

  #compare(column: FilterColumn, op: Comparison): FilterNode {
    const value = this.#value(column);
    if (column.type === 'text' && op !== '=' && op !== '!=') {
      const message = `${column.name} is a text: it is neither less nor greater`;
      throw this.#mistake(message, 'Write =, !=, in (…) or like.', this.#tokens[this.#at - 1]);
    }
    return { kind: 'compare', column: column.name, op, value };
  }

  #in(column: FilterColumn): FilterNode {
    const open = this.#peek();
    if (open?.kind !== 'open')
      throw this.#mistake("expected '(' after in", `For example: ${column.name} in (a, b)`, open);
    this.#at++;
    const values = [this.#value(column)];
    while (this.#peek()?.kind === 'comma') {
      this.#at++;
      values.push(this.#value(column));
    }
    if (this.#peek()?.kind !== 'close')
      throw this.#mistake("a '(' is not closed", 'Add ), or a comma before the next value.', this.#peek() ?? open);
    this.#at++;
    return { kind: 'in', column: column.name, values };
  }

  #like(column: FilterColumn): FilterNode {
    const token = this.#peek();
    if (column.type !== 'text')
      throw this.#mistake(`${column.name} is no text`, 'like compares texts.', this.#tokens[this.#at - 1]);
    if (token?.kind !== 'word' && token?.kind !== 'quoted') {
      throw this.#mistake('expected a text after like', `For example: ${column.name} like '%nic%'`, token);
    }
    this.#at++;
    return { kind: 'like', column: column.name, pattern: token.text };
  }

  #known(column: FilterColumn): FilterNode {
    const known = this.#takeWord('not');
    if (!this.#takeWord('unknown')) {
      throw this.#mistake(
        "expected 'unknown' or 'not unknown' after is",
        `To compare: ${column.name} = …`,
        this.#peek(),
      );
    }
    const node: FilterNode = { kind: 'known', column: column.name };
    return known ? node : { kind: 'not', item: node };
  }

  #value(column: FilterColumn): FilterValue {
    const token = this.#peek();
    if (token?.kind !== 'word' && token?.kind !== 'quoted') {
      throw this.#mistake(`expected a value of ${column.name}`, `For example: ${exampleOf(column.type)}`, token);
    }
    this.#at++;
    let text = token.text;
    let end = token.position + token.length;
    // `300 ms`, `20000 pages/s`: a bare number followed by a word that makes it a quantity.
    const unit = this.#peek();
    if (column.type !== 'text' && column.type !== 'time' && column.type !== 'count' && unit?.kind === 'word') {
      if (/^[\d.]+$/u.test(text) && !KEYWORDS.includes(unit.text.toLowerCase()) && !this.#columns.has(unit.text)) {
        text = `${text} ${unit.text}`;
        end = unit.position + unit.length;
        this.#at++;
      }
    }
    const read = readValue(column, text);
    if (read.ok) return read.value;
    throw new Mistake({
      message: read.message,
      hint: read.hint,
      position: token.position,
      length: end - token.position,
    });
  }

  #column(token: Token): FilterColumn {
    const column = this.#columns.get(token.text.toLowerCase());
    if (column !== undefined) return column;
    const meant = nearest(token.text.toLowerCase(), this.#columns.keys());
    const hint =
      meant === undefined
        ? 'brownout list --columns lists them.'
        : `Did you mean ${this.#columns.get(meant)?.name ?? meant}?`;
    throw this.#mistake(`there is no column '${token.text}'`, hint, token);
  }

  #peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  #takeWord(word: string): boolean {
    if (!isWord(this.#peek(), word)) return false;
    this.#at++;
    return true;
  }

  #mistake(message: string, hint: string, token?: Token): Mistake {
    return new Mistake({ message, hint, position: token?.position ?? this.#end, length: token?.length ?? 0 });
  }
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text.toLowerCase() === word;
}
