// The frame of a check across fields and sections: what it reads, and how it reports.

import { spellSize } from '../core/units.ts';
import type { ParsedExperiment, SectionName } from './schema.ts';
import type { Finding, Path } from './source.ts';

export interface CheckContext {
  readonly report: (finding: Finding) => void;
  /** Whether the file itself says something at this path (not a default). */
  readonly given: (path: Path) => boolean;
}

/** A check runs when every section it reads is valid in itself. */
export interface Check {
  readonly needs: readonly SectionName[];
  readonly run: (experiment: ParsedExperiment, context: CheckContext) => void;
}

/** A range that should lie in RAM: reported at its size, or at its offset if it begins outside. */
export function checkInside(
  { report }: CheckContext,
  path: Path,
  what: string,
  range: { readonly offset: number; readonly size: number },
  ram: number,
): boolean {
  if (range.offset >= ram) {
    report({
      path: [...path, 'offset'],
      message: `${what}: ${spellSize(range.offset)} lies outside the guest's ${spellSize(ram)} of RAM`,
      hint: 'Offsets count RAM without the hole below 4 GiB.',
    });
    return false;
  }
  if (range.offset + range.size > ram) {
    report({
      path: [...path, 'size'],
      message: `${what}: the end lies ${spellSize(range.offset + range.size - ram)} beyond the guest's ${spellSize(ram)} of RAM`,
      hint: `At most ${spellSize(ram - range.offset)} fit from ${spellSize(range.offset)} on.`,
    });
    return false;
  }
  return true;
}

/** Names that occur twice, each reported where it occurs again. */
export function checkUnique(
  { report }: CheckContext,
  named: readonly { readonly path: Path; readonly name: string; readonly what: string }[],
): void {
  const first = new Map<string, string>();
  for (const { path, name, what } of named) {
    const taken = first.get(name);
    if (taken === undefined) first.set(name, what);
    else {
      report({
        path,
        message: `the name '${name}' is already taken by ${/^[aeiou]/.test(taken) ? 'an' : 'a'} ${taken}`,
        hint: 'Series and events are told apart by these names: give each its own.',
      });
    }
  }
}
