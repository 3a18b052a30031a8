// One bench in a process of its own: prepares, then does one round for each line on standard input and answers with JSON.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { Bench } from './bench.ts';

const [file = '', name = ''] = process.argv.slice(2);
const { benches } = (await import(pathToFileURL(file).href)) as { benches: readonly Bench[] };
const bench = benches.find((candidate) => candidate.name === name);
if (bench === undefined) throw new Error(`${file} has no bench ${name}`);
const round = bench.prepare();
process.stdout.write('ready\n');
createInterface({ input: process.stdin }).on('line', () => {
  process.stdout.write(`${JSON.stringify(round())}\n`);
});
