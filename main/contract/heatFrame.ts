// The heat map of guest memory in one binary frame.
//
// After the head of every frame (frameHead.ts): u32 rows | u32 columns | u32 layers | u32 bytes of text | f64 total pages | f64 pages of a row, then columns + 1 edges in nanoseconds
// (doubles), then the layers (u32, column by column), then what the layers are, as JSON in ASCII. Edges and layers are views
// of the frame's own buffer. Layers as in engine/experiment/result.ts; what each counts: README.md.
import * as z from 'zod';
import type { HeatMap } from '../../engine/experiment/result.ts';
import { FrameError, newFrame, readFrame } from './frameHead.ts';
import { MAX_HEAT_COLUMNS, MAX_HEAT_LAYERS, MAX_HEAT_ROWS } from './limits.ts';

const HEAD_BYTES = 40;

export const HEAT_KINDS = ['written', 'dirty', 'sent', 'sent-again', 'lost'] as const;
const layersSchema = z.array(
  z.object({ id: z.string(), kind: z.enum(HEAT_KINDS), label: z.string(), source: z.string().optional() }),
);

export function encodeHeat(
  id: number,
  { rows, columns, totalPages, pagesPerRow, edgesNs, layers }: HeatMap,
): ArrayBuffer {
  const cells = rows * columns;
  const fits = edgesNs.length === columns + 1 && layers.every(({ pages }) => pages.length === cells);
  if (!fits) throw new FrameError('edges and layers of a heat map fit its rows and columns');
  const text = asciiJson(layers.map(({ id: layer, kind, label, source }) => ({ id: layer, kind, label, source })));
  const size = HEAD_BYTES + 8 * (columns + 1) + 4 * cells * layers.length + text.length;
  const head = newFrame('heat', id, size);
  const { buffer } = head;
  for (const [i, value] of [rows, columns, layers.length, text.length].entries()) {
    head.setUint32(8 + 4 * i, value, true);
  }
  head.setFloat64(24, totalPages, true);
  head.setFloat64(32, pagesPerRow, true);
  new Float64Array(buffer, HEAD_BYTES, columns + 1).set(edgesNs);
  let at = HEAD_BYTES + 8 * (columns + 1);
  for (const { pages } of layers) {
    new Uint32Array(buffer, at, cells).set(pages);
    at += 4 * cells;
  }
  new Uint8Array(buffer, at).set(Array.from(text, (character) => character.charCodeAt(0)));
  return buffer;
}

/** Throws a FrameError where the bytes are not exactly one frame of this version. */
export function decodeHeat(buffer: ArrayBuffer): { readonly id: number; readonly map: HeatMap } {
  const { id, head } = readFrame('heat', buffer, HEAD_BYTES);
  const [rows, columns, count, textBytes] = [8, 12, 16, 20].map((at) => head.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  const cells = rows * columns;
  if (
    rows > MAX_HEAT_ROWS ||
    columns > MAX_HEAT_COLUMNS ||
    count > MAX_HEAT_LAYERS ||
    HEAD_BYTES + 8 * (columns + 1) + 4 * cells * count + textBytes !== buffer.byteLength
  ) {
    throw new FrameError('the sizes in the head of a frame do not match its bytes');
  }
  const layers = readLayers(new Uint8Array(buffer, buffer.byteLength - textBytes));
  if (layers.length !== count) throw new FrameError('a heat map says what each of its layers is');
  const firstLayer = HEAD_BYTES + 8 * (columns + 1);
  return {
    id,
    map: {
      ...{ rows, columns, totalPages: head.getFloat64(24, true), pagesPerRow: head.getFloat64(32, true) },
      edgesNs: new Float64Array(buffer, HEAD_BYTES, columns + 1),
      layers: layers.map(({ source, ...layer }, i) => ({
        ...layer,
        ...(source === undefined ? {} : { source }),
        pages: new Uint32Array(buffer, firstLayer + 4 * cells * i, cells),
      })),
    },
  };
}

function readLayers(text: Uint8Array): z.output<typeof layersSchema> {
  try {
    return layersSchema.parse(JSON.parse(Array.from(text, (code) => String.fromCharCode(code)).join('')));
  } catch (error) {
    throw new FrameError('the layers of a heat map cannot be read', { cause: error });
  }
}

/** Neither the DOM's encoder nor Node's exists here. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
