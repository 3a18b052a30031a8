// Who is drawn how. Each source (a vCPU group, a device) has one colour, one dash and one marker everywhere: charts, tables,
// lanes, heat map, report. vCPUs come first, then devices in the order of the file; beyond eight, colours begin again with the
// next dash, so that no two look the same.

export interface Identity {
  /** Name of the token: `--series-3`. */
  readonly token: string;
  /** Lengths of strokes and gaps in pixels; empty: solid. */
  readonly dash: readonly number[];
  readonly marker: (typeof MARKERS)[number];
}

export const COLOURS = 8;
export const MARKERS = ['circle', 'square', 'triangle', 'diamond', 'cross', 'ring', 'bar', 'star'] as const;
const DASHES: readonly (readonly number[])[] = [
  [],
  [7, 3],
  [2, 2],
  [9, 3, 2, 3],
  [4, 2],
  [12, 4],
  [1, 3],
  [6, 2, 2, 2, 2, 2],
];

export function identity(position: number): Identity {
  const round = Math.floor(position / COLOURS);
  return {
    token: `--series-${(position % COLOURS) + 1}`,
    dash: DASHES[(position + round) % DASHES.length]!,
    marker: MARKERS[(position + round) % MARKERS.length]!,
  };
}

/** Of every source of a run, by name, in the order in which its series name them. */
export function identities(series: readonly { readonly source?: string | undefined }[]): ReadonlyMap<string, Identity> {
  const names = [...new Set(series.flatMap(({ source }) => (source === undefined ? [] : [source])))];
  return new Map(names.map((name, i) => [name, identity(i)]));
}
