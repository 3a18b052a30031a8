// The data of a report's charts as its page carries them: one block for all, each column once.
import { deflateRawSync } from 'node:zlib';
import { SCALES } from '../contract/axisScale.ts';
import type { Chart } from './charts.ts';
import { lookOf } from './svg.ts';

/** Head (u32 length, JSON) and columns of doubles, deflated and in Base64: see page/page.js, which reads it. */
export function packed(charts: readonly Chart[]): string {
  const columns: Float64Array[] = [];
  const places = new Map<Float64Array, number>();
  const placeOf = (column: Float64Array): number => {
    let place = places.get(column);
    if (place === undefined) {
      place = columns.push(column) - 1;
      places.set(column, place);
    }
    return place;
  };
  const described = charts.map(({ lines, phases, unit }) => ({
    phases,
    steps: SCALES[unit].map((scale) => [scale.factor, scale.unit]),
    shared: lines.every(({ timesNs }) => timesNs === lines[0]!.timesNs),
    lines: lines.map(({ label, identity, timesNs, values }) => {
      const { colour, dash } = lookOf(identity);
      return { label, colour, dash, times: placeOf(timesNs), values: placeOf(values) };
    }),
  }));
  // Offsets depend on the head's length and the head on the offsets: padded to a round number that is surely enough.
  const room = Math.ceil((JSON.stringify(described).length * 4 + 64 * columns.length + 1024) / 8) * 8;
  const offsets: number[] = [];
  let end = 8 + room;
  for (const { length } of columns) {
    offsets.push(end);
    end += 8 * length;
  }
  const placed = described.map((chart) => ({
    ...chart,
    lines: chart.lines.map(({ times, values, ...line }) => ({
      ...line,
      times: [offsets[times], columns[times]!.length],
      values: [offsets[values], columns[values]!.length],
    })),
  }));
  const headText = Buffer.from(JSON.stringify(placed));
  const bytes = Buffer.alloc(end);
  bytes.writeUInt32LE(headText.length, 0);
  headText.copy(bytes, 4);
  for (const [i, column] of columns.entries()) {
    Buffer.from(column.buffer, column.byteOffset, column.byteLength).copy(bytes, offsets[i]);
  }
  return deflateRawSync(bytes, { level: 9 }).toString('base64');
}
