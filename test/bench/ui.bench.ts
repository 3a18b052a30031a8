// The window's speed: see test/e2e/uiBenches.ts, which knows the DOM and is compiled with the end-to-end tests.
import type { Bench } from './bench.ts';

const there = new URL('../e2e/uiBenches.ts', import.meta.url).href;
export const { benches } = (await import(there)) as { readonly benches: readonly Bench[] };
