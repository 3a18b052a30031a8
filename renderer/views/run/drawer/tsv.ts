// Tables for the clipboard: tabs between cells, every digit.

/** A cell never breaks its row: names are hostile. */
export function tsv(rows: readonly (readonly (string | number | null)[])[]): string {
  return rows
    .map((row) => row.map((cell) => (cell === null ? '' : String(cell).replace(/[\t\r\n]+/gu, ' '))).join('\t'))
    .join('\n');
}
