// Reading JSON text strictly. Objects become Maps (a key such as `__proto__` is a key like any other), keys keep their
// order and may not repeat, and an integer that a double cannot hold is refused instead of being rounded: 64-bit numbers
// are hexadecimal strings then. Text and nesting are bounded, so that no file can exhaust the reader.
export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonArray = readonly JsonValue[];
export type JsonValue = null | boolean | number | string | JsonArray | JsonObject;

export const TEXT_LENGTH_MAX = 64 * 1024 * 1024;
const DEPTH_MAX = 64;

/** What is wrong with a text, and where. */
export class JsonTextError extends Error {
  readonly line: number;
  readonly column: number;

  constructor(message: string, line: number, column: number) {
    super(message);
    this.name = 'JsonTextError';
    this.line = line;
    this.column = column;
  }
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

export function isArray(value: JsonValue | undefined): value is JsonArray {
  return Array.isArray(value);
}

export function readJson(text: string): JsonValue {
  return new Reader(text).document();
}

const WHITESPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// eslint-disable-next-line no-control-regex -- control characters must be escaped in JSON strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const LITERALS: readonly (readonly [string, null | boolean])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
];

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  document(): JsonValue {
    if (this.text.length > TEXT_LENGTH_MAX) this.refuse(`a file may have ${TEXT_LENGTH_MAX} characters`);
    const value = this.value(0);
    this.skip();
    if (this.at < this.text.length) this.refuse('there is text after the document');
    return value;
  }

  private value(depth: number): JsonValue {
    if (depth > DEPTH_MAX) this.refuse(`objects and arrays may nest ${DEPTH_MAX} deep`);
    this.skip();
    const next = this.text[this.at];
    if (next === '{') return this.object(depth);
    if (next === '[') return this.array(depth);
    if (next === '"') return this.string();
    for (const [word, value] of LITERALS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.number();
  }

  private object(depth: number): JsonObject {
    const entries = new Map<string, JsonValue>();
    this.at++;
    if (this.takes('}')) return entries;
    do {
      this.skip();
      if (this.text[this.at] !== '"') this.refuse('a key in quotes was expected');
      const start = this.at;
      const key = this.string();
      if (entries.has(key)) this.refuse(`the key ${JSON.stringify(key)} is there twice`, start);
      this.expect(':');
      entries.set(key, this.value(depth + 1));
    } while (this.takes(','));
    this.expect('}');
    return entries;
  }

  private array(depth: number): JsonArray {
    const items: JsonValue[] = [];
    this.at++;
    if (this.takes(']')) return items;
    do items.push(this.value(depth + 1));
    while (this.takes(','));
    this.expect(']');
    return items;
  }

  private string(): string {
    const raw = this.match(STRING);
    if (raw === undefined) this.refuse('a string is not closed, or has a character that must be escaped');
    return JSON.parse(raw) as string;
  }

  private number(): number {
    const start = this.at;
    const raw = this.match(NUMBER);
    if (raw === undefined) this.refuse(start >= this.text.length ? 'the text ends too early' : 'a value was expected');
    const value = Number(raw);
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      this.refuse('integers from 2^53 on are written as strings: "0x…"', start);
    }
    if (!Number.isFinite(value)) this.refuse('the number is too large', start);
    return value;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private skip(): void {
    this.match(WHITESPACE);
  }

  private takes(character: string): boolean {
    this.skip();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private expect(character: string): void {
    if (!this.takes(character)) this.refuse(`${character} was expected`);
  }

  private refuse(message: string, at = this.at): never {
    const before = this.text.slice(0, at);
    const line = before.split('\n').length;
    throw new JsonTextError(message, line, at - before.lastIndexOf('\n'));
  }
}
