// What a command is, and how its words on the command line are read. Each command is one file in commands/.
import { parseArgs } from 'node:util';
import { distance } from 'fastest-levenshtein';
import { printable } from './text.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export interface Option {
  /** `string` takes a value. */
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** How the value is called in the help: `N`, `FILE`. */
  readonly value?: string;
  readonly help: string;
}

export interface Words {
  readonly positionals: readonly string[];
  /** The value of an option that takes one. */
  text(option: string): string | undefined;
  /** All values of an option that may be repeated. */
  texts(option: string): readonly string[];
  flag(option: string): boolean;
  /** The value of an option as a whole number from `min` to `max`. */
  whole(option: string, min: number, max: number): number | undefined;
}

export interface Command {
  /** Where it is not `brownout NAME`. */
  readonly calledBy?: string;
  /** Arguments as in the help: `FILE`, `ID…`. */
  readonly operands: string;
  /** One line for the list of commands. */
  readonly purpose: string;
  /** More, for `brownout help NAME`. */
  readonly details?: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Least and greatest number of operands. */
  readonly takes: readonly [min: number, max: number];
  run(words: Words, terminal: Terminal): Promise<ExitCode>;
}

/** The command line is wrong; the message says what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The candidate that was probably meant. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const d = distance(word, candidate);
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return best;
}

export function readWords(name: string, command: Command, args: readonly string[]): Words {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([key, { type, short, multiple }]) => [
      key,
      { type, multiple: multiple === true, ...(short === undefined ? {} : { short }) },
    ]),
  );
  const { tokens, positionals } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values = new Map<string, (string | true)[]>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const option = command.options[token.name];
    const shown = printable(token.rawName);
    if (option === undefined) {
      const meant = nearest(token.name, Object.keys(command.options));
      throw new UsageError(`unknown option ${shown}${meant === undefined ? '' : `; did you mean --${meant}?`}`);
    }
    if (option.type === 'boolean' && token.value !== undefined) throw new UsageError(`${shown} takes no value`);
    if (option.type === 'string' && token.value === undefined) {
      throw new UsageError(`${shown} needs a value: ${shown} ${option.value ?? 'VALUE'}`);
    }
    const earlier = values.get(token.name) ?? [];
    if (earlier.length > 0 && option.multiple !== true) throw new UsageError(`${shown} is given twice`);
    values.set(token.name, [...earlier, token.value ?? true]);
  }
  const [min, max] = command.takes;
  if (positionals.length < min || positionals.length > max) {
    const usage = `brownout ${name} ${command.operands}`.trim();
    if (positionals.length < min) throw new UsageError(`something is missing: ${usage}`);
    throw new UsageError(`${printable(positionals[max] ?? '')} is one too many: ${usage}`);
  }
  const texts = (option: string): readonly string[] =>
    (values.get(option) ?? []).filter((value) => typeof value === 'string');
  return {
    positionals,
    texts,
    text: (option) => texts(option)[0],
    flag: (option) => values.has(option),
    whole(option, least, greatest) {
      const text = texts(option)[0];
      if (text === undefined) return undefined;
      const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
      if (value >= least && value <= greatest) return value;
      throw new UsageError(`--${option} is ${printable(text)}, expected a whole number from ${least} to ${greatest}`);
    },
  };
}
