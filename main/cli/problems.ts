// Problems of an experiment file, for a terminal.
import type { Problem } from '../../engine/experiment/parse.ts';
import { printable } from './text.ts';

/** `file:line:column: field: what is wrong`, and below it what would be right. */
export function problemLines({ file, line, column, path, message, hint }: Problem): string[] {
  const where = path === '' ? '' : `${printable(path, 100)}: `;
  const lines = [`${printable(file)}:${line}:${column}: ${where}${printable(message, 400)}`];
  return hint === '' ? lines : [...lines, `    ${printable(hint, 400)}`];
}
