// `npm start`: runs the gallery's first experiment on the command line and shows the result.
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { main } from '../cli/cli.ts';
import { processTerminal } from '../cli/terminal.ts';

const folder = resolve(import.meta.dirname, '..', '..', 'examples');
const first = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .sort((a, b) => (a < b ? -1 : 1))[0];
if (first === undefined) throw new Error(`no example in ${folder}`);

const terminal = processTerminal();
terminal.say(`Running examples/${first}. Your own: npx brownout run FILE; all commands: npx brownout --help\n`);
process.exitCode = await main(['run', join(folder, first), ...process.argv.slice(2)], terminal);
terminal.dispose();
