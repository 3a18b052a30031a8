// One bench in a process of its own: prepares, then does one round for each line on standard input and answers with JSON.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { Bench } from './bench.ts';

const [file = '', name = ''] = process.argv.slice(2);
const { benches } = (await import(pathToFileURL(file).href)) as { benches: readonly Bench[] };
const bench = benches.find((candidate) => candidate.name === name);
if (bench === undefined) throw new Error(`${file} has no bench ${name}`);
const round = await bench.prepare();
process.stdout.write('ready\n');
const lines = createInterface({ input: process.stdin });
// What a bench keeps open (a browser, a host) must not hold the process when nobody asks for rounds any more.
lines.on('close', () => process.exit());
// One is asked for at a time.
lines.on('line', () => {
  void answer();
});

async function answer(): Promise<void> {
  process.stdout.write(`${JSON.stringify(await round())}\n`);
}
