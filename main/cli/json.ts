// A whole run as one JSON document on standard output: see main/export/json.ts.
import { runJson } from '../export/json.ts';
import type { Store } from '../store/store.ts';

export function writeRunJson(store: Store, id: number, out: (text: string) => void): void {
  for (const piece of runJson(store, id)) out(piece);
}
