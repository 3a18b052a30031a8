// Fifty runs side by side in the window: see test/e2e/compareBench.ts, which knows the DOM and is compiled with the end-to-end tests.
import type { Bench } from './bench.ts';

const there = new URL('../e2e/compareBench.ts', import.meta.url).href;
export const { benches } = (await import(there)) as { readonly benches: readonly Bench[] };
