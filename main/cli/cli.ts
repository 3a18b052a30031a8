// From words on the command line to an exit code: finds the command, reads its words, and turns every failure into a
// message on standard error and a code (0 done, 1 failed, 2 the input is wrong, 130 interrupted).
import { COMMANDS } from './commands/index.ts';
import { nearest, readWords, UsageError, type Command } from './command.ts';
import { EXIT, type ExitCode, type Terminal } from './terminal.ts';
import { pad, printable, wrap } from './text.ts';
import { version } from '../setup/version.ts';
import { StoreError } from '../store/errors.ts';

export async function main(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const [first, ...rest] = args;
  try {
    if (first === undefined) {
      terminal.say(await generalHelp());
      return EXIT.wrongInput;
    }
    if (first === '--version' || first === '-V') {
      terminal.out(`${version()}\n`);
      return EXIT.done;
    }
    if (first === '--help' || first === '-h' || (first === 'help' && rest.length === 0)) {
      terminal.out(`${await generalHelp()}\n`);
      return EXIT.done;
    }
    const name = first === 'help' ? (rest[0] ?? '') : first;
    const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (load === undefined) {
      const meant = nearest(name, Object.keys(COMMANDS));
      const hint = meant === undefined ? 'brownout --help lists the commands' : `did you mean ${meant}?`;
      throw new UsageError(`there is no command ${printable(name, 40)}; ${hint}`);
    }
    const { command } = await load();
    if (first === 'help') {
      terminal.out(`${commandHelp(name, command)}\n`);
      return EXIT.done;
    }
    return await runCommand(name, command, rest, terminal);
  } catch (error) {
    return failed(error, first, terminal);
  }
}

/** One command with the words after its name. */
export async function runCommand(
  name: string,
  command: Command,
  words: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  try {
    if (words.includes('--help') || words.includes('-h')) {
      terminal.out(`${commandHelp(name, command)}\n`);
      return EXIT.done;
    }
    return await command.run(readWords(name, command, words), terminal);
  } catch (error) {
    return failed(error, name, terminal);
  }
}

/** What was named is not there, or is no store of ours: nothing that was to be checked has failed. */
const WRONG_INPUT: ReadonlySet<StoreError['kind']> = new Set(['absent', 'foreign', 'damaged', 'newer']);

/** A failure of the user's or the machine's, told; anything else is a defect of ours and goes on upwards. */
function failed(error: unknown, name: string | undefined, terminal: Terminal): ExitCode {
  if (error instanceof UsageError) {
    terminal.say(`brownout: ${error.message}`);
    return EXIT.wrongInput;
  }
  if (error instanceof StoreError) {
    terminal.say(`brownout: ${printable(error.message)}`);
    if (name === 'run' && (error.kind === 'unusable' || error.kind === 'full')) {
      terminal.say('--db FILE keeps runs in another file; --no-save shows the result without keeping it.');
    }
    return WRONG_INPUT.has(error.kind) ? EXIT.wrongInput : EXIT.failed;
  }
  throw error;
}

async function generalHelp(): Promise<string> {
  const lines = ['usage: brownout COMMAND …', '', 'A lab for live-migration experiments with passthrough devices.', ''];
  for (const [name, load] of Object.entries(COMMANDS)) {
    const { command } = await load();
    lines.push(`  ${pad(`${name} ${command.operands}`, 22)} ${command.purpose}`);
  }
  lines.push('', 'brownout help COMMAND tells its options. Results go to standard output, messages to standard error.');
  lines.push('Exit: 0 done, 1 an expectation was not met, 2 the input is wrong, 130 interrupted.');
  return lines.join('\n');
}

function commandHelp(name: string, command: Command): string {
  const lines = [`usage: ${command.calledBy ?? `brownout ${name}`} ${command.operands}`.trim(), '', command.purpose];
  if (command.details !== undefined) {
    for (const paragraph of command.details.split('\n')) lines.push(...(paragraph === '' ? [''] : wrap(paragraph, 80)));
  }
  const options = Object.entries(command.options);
  if (options.length > 0) lines.push('');
  for (const [option, { short, value, help }] of options) {
    const spelled = `--${option}${value === undefined ? '' : ` ${value}`}${short === undefined ? '' : `, -${short}`}`;
    lines.push(`  ${pad(spelled, 22)} ${help}`);
  }
  return lines.join('\n');
}
