// A table as CSV (RFC 4180): comma, CRLF, a head line, quotes where they are needed, UTF-8 without a mark.
//
// Numbers are the shortest decimal text that reads back as the same double, -0 included; what is not known is an empty cell.
// A text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a line break) gets an apostrophe in
// front, as OWASP advises: names of runs and devices come from anywhere.
import type { Batch, Table } from './table.ts';

const FORMULA = /^[=+\-@\t\r\n]/u;
const TO_QUOTE = /[",\r\n]/u;
/** Characters of a piece that is handed on. */
const PIECE_CHARS = 256 * 1024;

export function* csv(table: Table): Generator<Uint8Array> {
  const head = table.columns.map(({ name, unit }) =>
    textCell(unit === undefined || name.endsWith(`_${unit}`) ? name : `${name} [${unit}]`),
  );
  yield Buffer.from(`${head.join(',')}\r\n`);
  for (const batch of table.batches()) yield* rowsOf(batch);
}

function* rowsOf({ rows, columns }: Batch): Generator<Uint8Array> {
  let text = '';
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < columns.length; c++) {
      const column = columns[c]!;
      if (c > 0) text += ',';
      if (column instanceof Float64Array) text += numberCell(column[i]!);
      else text += textCell(column[i] ?? '');
    }
    text += '\r\n';
    if (text.length >= PIECE_CHARS) {
      yield Buffer.from(text);
      text = '';
    }
  }
  if (text !== '') yield Buffer.from(text);
}

function numberCell(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  return Number.isNaN(value) ? '' : String(value);
}

export function textCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return TO_QUOTE.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
