// `npm start`: see startWindow.ts.
import { runCommand } from '../cli/cli.ts';
import { processTerminal } from '../cli/terminal.ts';
import { command } from './startWindow.ts';

const terminal = processTerminal();
process.exitCode = await runCommand('start', command, process.argv.slice(2), terminal);
terminal.dispose();
