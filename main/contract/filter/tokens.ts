// Words, texts in quotes, operators and brackets of a filter, with their places.
import type { FilterMistake } from './ast.ts';

export interface Token {
  readonly kind: 'word' | 'quoted' | 'operator' | 'open' | 'close' | 'comma';
  /** Of a quoted text: what stands between the quotes. */
  readonly text: string;
  readonly position: number;
  readonly length: number;
}

export type Tokens =
  | { readonly ok: true; readonly tokens: readonly Token[] }
  | { readonly ok: false; readonly tokens: readonly Token[]; readonly mistake: FilterMistake };

const SINGLE: Readonly<Record<string, Token['kind']>> = { '(': 'open', ')': 'close', ',': 'comma' };
const OPERATOR = /^(<=|>=|!=|<>|==|=|<|>)/u;
const WORD = /^[^\s()=<>!,'"]+/u;

export function tokenise(text: string): Tokens {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const space = /^\s+/u.exec(rest);
    if (space !== null) {
      at += space[0].length;
      continue;
    }
    const char = rest.charAt(0);
    const single = SINGLE[char];
    const operator = OPERATOR.exec(rest)?.[0];
    const word = WORD.exec(rest)?.[0];
    let token: Token;
    if (single !== undefined) token = { kind: single, text: char, position: at, length: 1 };
    else if (operator !== undefined) {
      const spelled = operator === '==' ? '=' : operator === '<>' ? '!=' : operator;
      token = { kind: 'operator', text: spelled, position: at, length: operator.length };
    } else if (word !== undefined) token = { kind: 'word', text: word, position: at, length: word.length };
    else if (char === "'" || char === '"') {
      const quoted = readQuoted(rest, char);
      if (quoted === undefined) {
        const message = 'a quotation mark is not closed';
        const mistake = {
          message,
          hint: `Add ${char} at the end of the text.`,
          position: at,
          length: text.length - at,
        };
        return { ok: false, tokens, mistake };
      }
      token = { kind: 'quoted', text: quoted.text, position: at, length: quoted.length };
    } else {
      const mistake = {
        message: `${char} means nothing here`,
        hint: 'Write != for "not equal".',
        position: at,
        length: 1,
      };
      return { ok: false, tokens, mistake };
    }
    tokens.push(token);
    at += token.length;
  }
  return { ok: true, tokens };
}

/** A quotation mark inside is written twice. */
function readQuoted(rest: string, mark: string): { text: string; length: number } | undefined {
  let text = '';
  for (let i = 1; i < rest.length; i++) {
    const char = rest.charAt(i);
    if (char !== mark) text += char;
    else if (rest.charAt(i + 1) === mark) {
      text += mark;
      i++;
    } else return { text, length: i + 1 };
  }
  return undefined;
}

/** As the value of a comparison must be written so that it is read as itself. */
export function quote(text: string): string {
  const plain = /^[^\s()=<>!,'"]+$/u.test(text) && !/^(and|or|not|in|like|is|unknown)$/iu.test(text);
  return plain ? text : `'${text.replaceAll("'", "''")}'`;
}
