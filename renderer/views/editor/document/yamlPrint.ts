// Values as YAML, as people would write them: in one line where that reads well, texts of several lines as blocks.
import { stringify } from 'yaml';
import { isGroup } from './edits.ts';

/** In one line, right also inside of `{ … }`. */
export function printInline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printInline).join(', ')}]`;
  if (isGroup(value)) {
    const fields = Object.entries(value).map(([key, item]) => `${printScalar(key)}: ${printInline(item)}`);
    return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
  }
  return printScalar(value);
}

export function printScalar(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  const flow = stringify([value], {
    collectionStyle: 'flow',
    lineWidth: 0,
    flowCollectionPadding: false,
    singleQuote: true,
  });
  return flow.trim().slice(1, -1);
}

/** A text of several lines as one that was written so stays; null where `|` would not read back as the same. */
export function printBlock(value: string, indent: string): string | null {
  if (!value.includes('\n') || /^\s|\n\s*\n$|[^\P{C}\n\t]|[\u2028\u2029\ufeff]/u.test(value)) return null;
  const lines = value.replace(/\n$/u, '').split('\n');
  const body = lines.map((line) => (line === '' ? '' : indent + line)).join('\n');
  return `|${value.endsWith('\n') ? '' : '-'}\n${body}`;
}

/** A new group or list at the top of the file has a line for each part. */
export function printField(key: string, value: unknown, indent: string, top: boolean): string {
  const name = printScalar(key);
  if (top && isGroup(value) && Object.keys(value).length > 0) {
    const lines = Object.entries(value).map(
      ([field, item]) => `${indent}  ${printScalar(field)}: ${printInline(item)}`,
    );
    return `${name}:\n${lines.join('\n')}`;
  }
  if (top && Array.isArray(value) && value.length > 0) {
    return `${name}:\n${value.map((item) => `${indent}  - ${printInline(item)}`).join('\n')}`;
  }
  return `${name}: ${printInline(value)}`;
}
