// What differs between imported runs: the settings that the import wrote in the place of an experiment, one a line, in the terms of
// the file they came from.
import { parse } from 'yaml';
import type { Difference } from '../../engine/experiment/compare/differences.ts';

export function settingDifferences(texts: readonly string[]): Difference[] {
  const settings = texts.map(settingsOf);
  const keys = [...new Set(settings.flatMap((one) => [...one.keys()]))];
  return keys.flatMap((key) => {
    const values = settings.map((one) => one.get(key));
    if (new Set(values).size < 2) return [];
    return [
      {
        path: key,
        title: key,
        cells: values.map((value) => ({
          text: value === undefined ? 'not known' : String(value),
          value: typeof value === 'number' ? value : null,
          origin: value === undefined ? ('absent' as const) : ('set' as const),
        })),
      },
    ];
  });
}

function settingsOf(text: string): Map<string, string | number | boolean> {
  let read: unknown;
  try {
    read = parse(text, { maxAliasCount: 0 });
  } catch {
    // Whatever stands there is shown with the run, and compared with nothing.
  }
  if (typeof read !== 'object' || read === null) return new Map();
  return new Map(
    Object.entries(read as Record<string, unknown>).filter(
      (entry): entry is [string, string | number | boolean] =>
        typeof entry[1] === 'string' || typeof entry[1] === 'number' || typeof entry[1] === 'boolean',
    ),
  );
}
