// What the IOMMU hardware itself does to an entry.
import { markDirty } from './arena.ts';
import { canBeDirty, dirtied, isDirty } from './entry.ts';
import type { TableState } from './tablestate.ts';

/** The Dirty update of a permitted write through the entry `e`: one atomic step. Answers whether the bit was newly set. */
export function setDirty(table: TableState, e: number): boolean {
  const { arena, format } = table;
  const lo = arena.words[2 * e]!;
  const hi = arena.words[2 * e + 1]!;
  if (!canBeDirty(format, hi) || isDirty(format, lo, hi)) return false;
  arena.words[2 * e] = dirtied(format, lo);
  markDirty(arena, e);
  return true;
}
