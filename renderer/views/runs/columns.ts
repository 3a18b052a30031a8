// What the table can show and what it does show. Both are asked for once and kept: columns are the same as long as the host
// lives, and what is chosen is chosen here.
import type { Column } from '../../../main/contract/runs.ts';
import { call } from '../../app/host.svelte.ts';
import { loadSetting, saveSetting } from '../../app/settings.ts';
import { COLUMNS_KEY, columnsSchema } from './arrangement.ts';

export interface Columns {
  readonly known: readonly Column[];
  /** Null: nobody has chosen any. */
  readonly chosen: readonly string[] | null;
}

let kept: Columns | null = null;
let asked: Promise<Columns> | undefined;

/** Null before the first answer. */
export const keptColumns = (): Columns | null => kept;

export function loadColumns(): Promise<Columns> {
  asked ??= Promise.all([call('runs.columns', {}), loadSetting(COLUMNS_KEY, columnsSchema)]).then(
    ([known, chosen]) => (kept ??= { known, chosen }),
    (error: unknown) => {
      asked = undefined;
      throw error;
    },
  );
  return asked;
}

export function keepChosen(chosen: readonly string[] | null): void {
  if (kept !== null) kept = { ...kept, chosen };
  saveSetting(COLUMNS_KEY, chosen);
}
