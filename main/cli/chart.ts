// Small charts of block characters: one row a series, all rows on one time axis.
//
// A column shows the greatest value in its stretch of time, so that no peak is lost; a value above zero is never drawn as
// nothing. Times between samples belong to the sample that ends them (rates are means over the interval that ends there).

const BLOCKS = ' ▁▂▃▄▅▆▇█';

export interface ChartRow {
  /** The last time and the greatest value of each entry; entries in order of time. */
  readonly toNs: Float64Array;
  readonly greatest: Float64Array;
}

/** Greatest value in each of `columns` equal stretches of [fromNs, toNs]; NaN where there is no entry. */
export function columnPeaks(row: ChartRow, fromNs: number, toNs: number, columns: number): Float64Array {
  const peaks = new Float64Array(columns).fill(NaN);
  const width = (toNs - fromNs) / columns;
  if (!(width > 0)) return peaks;
  for (let i = 0; i < row.greatest.length; i++) {
    const value = row.greatest[i]!;
    // A sample speaks for the time since the one before; the first, for all time before it.
    const begins = i === 0 ? fromNs : row.toNs[i - 1]!;
    const ends = row.toNs[i]!;
    if (Number.isNaN(value) || ends < fromNs || begins > toNs) continue;
    const first = clamp(Math.floor((begins - fromNs) / width), columns);
    const last = clamp(Math.ceil((ends - fromNs) / width) - 1, columns);
    for (let c = first; c <= Math.max(first, last); c++) {
      if (!(peaks[c]! >= value)) peaks[c] = value;
    }
  }
  return peaks;
}

function clamp(column: number, columns: number): number {
  return Math.min(columns - 1, Math.max(0, column));
}

/** Bars from 0 to `top`; a dot where there is no value. */
export function bars(peaks: Float64Array, top: number): string {
  let text = '';
  for (const value of peaks) {
    if (Number.isNaN(value)) text += '·';
    else if (value <= 0 || top <= 0) text += BLOCKS[0]!;
    else text += BLOCKS[Math.min(8, Math.max(1, Math.round((value / top) * 8)))]!;
  }
  return text;
}

export interface Mark {
  readonly timeNs: number;
  readonly text: string;
}

/** A line that names moments of the time axis below their columns; a mark that has no room is left out. */
export function markLine(marks: readonly Mark[], fromNs: number, toNs: number, columns: number): string {
  let line = '';
  for (const { timeNs, text } of [...marks].sort((a, b) => a.timeNs - b.timeNs)) {
    const column = clamp(Math.floor(((timeNs - fromNs) / (toNs - fromNs)) * columns), columns);
    const at = Math.min(column, columns - text.length);
    if (at < 0 || (line !== '' && at < line.length + 1)) continue;
    line = line.padEnd(at) + text;
  }
  return line;
}
