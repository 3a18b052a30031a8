// The heat map of guest memory as pixels: time from left to right on the charts' own axis, address from bottom to top.
//
// A pixel may stand for several columns and rows of the map: of a layer it shows the greatest, of the states the gravest
// (lost, then sent again, sent, dirty), so a single lost page is seen from any distance. A cell of the map may be wider than a
// pixel: it is drawn as it is, not smoothed.
import type { HeatMap } from '../../../engine/experiment/result.ts';
import { firstAtOrAfter, type Span } from '../../chart/span.ts';

/** `state`, the id of a layer, or a kind of layers. */
export type HeatView = string;

/** Gravest last. 0: nothing happened there. */
export const HEAT_STATES = ['clean', 'dirty', 'sent', 'sent-again', 'lost'] as const;

/** One byte a pixel: with `state` an index into HEAT_STATES, with a layer 0 (nothing) or 1 … 255 by logarithm. */
export interface HeatPicture {
  readonly width: number;
  readonly height: number;
  readonly cells: Uint8Array;
  /** Greatest number of pages in one cell of the layer. */
  readonly greatest: number;
}

export function heatPicture(map: HeatMap, view: Span, shown: HeatView, width: number, height: number): HeatPicture {
  const cells = new Uint8Array(width * height);
  const values = shown === 'state' ? statesOf(map) : layerOf(map, shown);
  let greatest = 0;
  for (const value of values) if (value > greatest) greatest = value;
  const scale = shown === 'state' || greatest === 0 ? 0 : 254 / Math.log1p(greatest);
  const perPixel = (view.toNs - view.fromNs) / width;
  const { rows, columns, edgesNs } = map;
  const column = new Float64Array(rows);
  for (let x = 0; x < width; x++) {
    const fromNs = view.fromNs + x * perPixel;
    const toNs = fromNs + perPixel;
    if (columns === 0 || toNs <= edgesNs[0]! || fromNs >= edgesNs[columns]!) continue;
    // Columns [first, end) touch the pixel.
    const first = Math.max(0, firstAfter(edgesNs, fromNs) - 1);
    const end = Math.min(columns, Math.max(first + 1, firstAtOrAfter(edgesNs, toNs)));
    column.fill(0);
    for (let c = first; c < end; c++) {
      for (let r = 0; r < rows; r++) if (values[c * rows + r]! > column[r]!) column[r] = values[c * rows + r]!;
    }
    for (let y = 0; y < height; y++) {
      const low = Math.floor(((height - 1 - y) * rows) / height);
      const high = Math.max(low + 1, Math.floor(((height - y) * rows) / height));
      let most = 0;
      for (let r = low; r < high; r++) if (column[r]! > most) most = column[r]!;
      cells[y * width + x] = scale === 0 ? most : most === 0 ? 0 : 1 + Math.floor(Math.log1p(most) * scale);
    }
  }
  return { width, height, cells, greatest };
}

function firstAfter(edges: Float64Array, timeNs: number): number {
  const at = firstAtOrAfter(edges, timeNs);
  return at < edges.length && edges[at] === timeNs ? at + 1 : at;
}

/** Of a layer by its id; of a kind, all its layers together. */
export function layerOf(map: HeatMap, shown: string): Float64Array {
  const sum = new Float64Array(map.rows * map.columns);
  for (const { id, kind, pages } of map.layers) {
    if (id !== shown && kind !== shown) continue;
    for (let i = 0; i < sum.length; i++) sum[i]! += pages[i]!;
  }
  return sum;
}

function statesOf(map: HeatMap): Float64Array {
  const states = new Float64Array(map.rows * map.columns);
  for (const { kind, pages } of map.layers) {
    const state = HEAT_STATES.indexOf(kind as (typeof HEAT_STATES)[number]);
    if (state < 0) continue;
    for (let i = 0; i < states.length; i++) if (pages[i]! > 0 && states[i]! < state) states[i] = state;
  }
  return states;
}

export interface HeatReading {
  readonly fromNs: number;
  readonly toNs: number;
  readonly firstPage: number;
  readonly lastPage: number;
  readonly layers: readonly { readonly label: string; readonly pages: number }[];
}

/** What is under the pointer: `share` of the address axis, 0 at the bottom. */
export function heatReading(map: HeatMap, timeNs: number, share: number): HeatReading | null {
  const { rows, columns, edgesNs, pagesPerRow, totalPages } = map;
  if (columns === 0 || timeNs < edgesNs[0]! || timeNs > edgesNs[columns]! || share < 0 || share > 1) return null;
  const c = Math.min(columns - 1, Math.max(0, firstAfter(edgesNs, timeNs) - 1));
  const r = Math.min(rows - 1, Math.floor(share * rows));
  return {
    fromNs: edgesNs[c]!,
    toNs: edgesNs[c + 1]!,
    firstPage: r * pagesPerRow,
    lastPage: Math.min(totalPages, (r + 1) * pagesPerRow) - 1,
    layers: map.layers.map(({ label, pages }) => ({ label, pages: pages[c * rows + r]! })),
  };
}
