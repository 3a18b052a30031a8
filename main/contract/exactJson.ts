// JSON that gives back every number it was given: NaN, the infinities and -0 are written as {"$number": "NaN"}. An object that
// happens to look like that has one more $ before its key on paper.

/** Undefined members are left out, as JSON.stringify does. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'number') {
      if (Object.is(item, -0)) return { $number: '-0' };
      return Number.isFinite(item) ? item : { $number: String(item) };
    }
    const key = markOf(item);
    return key === undefined ? item : { [`$${key}`]: (item as Record<string, unknown>)[key] };
  });
}

const WORDS: ReadonlyMap<unknown, number> = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['-0', -0],
]);

export function readExactJson(text: string): unknown {
  // Looking at every value costs twenty times the parsing, and most texts have no mark. An escape may hide one.
  if (!text.includes('$number"') && !text.includes('\\u')) return JSON.parse(text);
  return JSON.parse(text, (_key, item: unknown) => {
    const key = markOf(item);
    if (key === undefined) return item;
    const marked = (item as Record<string, unknown>)[key];
    return key === '$number' ? (WORDS.get(marked) ?? item) : { [key.slice(1)]: marked };
  });
}

/** `$number`, `$$number` and so on where that is the only key; undefined of anything else. */
function markOf(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const [key, ...more] = Object.keys(item);
  return key !== undefined && more.length === 0 && /^\$+number$/u.test(key) ? key : undefined;
}
