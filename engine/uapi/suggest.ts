// "did you mean": the known word nearest to an unknown one, if it is near enough to be meant.
import { closest, distance } from 'fastest-levenshtein';

export function suggestion(unknown: string, known: readonly string[]): string {
  if (known.length === 0 || unknown.length > 100) return '';
  const nearest = closest(unknown, [...known]);
  const near = distance(unknown, nearest) <= Math.max(2, Math.floor(unknown.length / 3));
  return near ? ` (did you mean ${nearest}?)` : '';
}
