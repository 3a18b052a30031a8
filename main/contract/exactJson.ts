// JSON that gives back every number it was given: NaN, the infinities and -0 are written as {"$number": "NaN"}.

/** Undefined members are left out, as JSON.stringify does. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'number' && (!Number.isFinite(item) || Object.is(item, -0))
      ? { $number: Object.is(item, -0) ? '-0' : String(item) }
      : item,
  );
}

const WORDS: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity, '-0': -0 };

export function readExactJson(text: string): unknown {
  return JSON.parse(text, (_key, item: unknown) => {
    if (typeof item !== 'object' || item === null || !('$number' in item)) return item;
    const { $number } = item;
    return typeof $number === 'string' && Object.keys(item).length === 1 ? (WORDS[$number] ?? item) : item;
  });
}
