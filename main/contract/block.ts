// Blocks: columns of doubles in one binary frame, with a few figures about them.
//
// A frame is little-endian: 'B' 'O', protocol version, 0 (the kind of frame; 1: heatFrame.ts) | u32 id of the call or subscription | u32 figures | u32 columns |
// u32 length of each column | 12 bytes 0, then the figures, then the columns, all doubles. Columns are views of the frame's
// own buffer: nothing is copied. (Every machine that Electron or a browser with typed arrays of doubles runs on today is
// little-endian; a big-endian one is refused where a frame is made or read.)
import { MAX_FRAME_BYTES, PROTOCOL_VERSION } from './limits.ts';

export interface Block {
  readonly figures: Float64Array;
  readonly columns: readonly Float64Array[];
}

const HEAD_BYTES = 32;
export const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** A frame's fourth byte. */
export const BLOCK_KIND = 0;

export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** All columns must have the same length. */
export function encodeBlock(id: number, { figures, columns }: Block): ArrayBuffer {
  if (!LITTLE_ENDIAN) throw new FrameError('binary frames need a little-endian machine');
  const length = columns[0]?.length ?? 0;
  const size = HEAD_BYTES + 8 * (figures.length + columns.length * length);
  if (size > MAX_FRAME_BYTES) throw new FrameError(`a binary frame would have ${size} bytes`);
  const buffer = new ArrayBuffer(size);
  const head = new DataView(buffer);
  head.setUint8(0, 0x42);
  head.setUint8(1, 0x4f);
  head.setUint8(2, PROTOCOL_VERSION);
  head.setUint32(4, id, true);
  head.setUint32(8, figures.length, true);
  head.setUint32(12, columns.length, true);
  head.setUint32(16, length, true);
  const values = new Float64Array(buffer, HEAD_BYTES);
  values.set(figures);
  for (const [i, column] of columns.entries()) {
    if (column.length !== length) throw new FrameError('columns of one block have one length');
    values.set(column, figures.length + i * length);
  }
  return buffer;
}

/** Throws a FrameError where the bytes are not exactly one frame of this version. */
export function decodeBlock(buffer: ArrayBuffer): { readonly id: number; readonly block: Block } {
  if (!LITTLE_ENDIAN) throw new FrameError('binary frames need a little-endian machine');
  if (buffer.byteLength < HEAD_BYTES || buffer.byteLength > MAX_FRAME_BYTES) {
    throw new FrameError(`a binary frame of ${buffer.byteLength} bytes`);
  }
  const head = new DataView(buffer);
  if (head.getUint8(0) !== 0x42 || head.getUint8(1) !== 0x4f || head.getUint8(3) !== BLOCK_KIND) {
    throw new FrameError('not a binary frame of Brownout');
  }
  if (head.getUint8(2) !== PROTOCOL_VERSION) throw new FrameError(`a frame of version ${head.getUint8(2)}`);
  const id = head.getUint32(4, true);
  const figureCount = head.getUint32(8, true);
  const columnCount = head.getUint32(12, true);
  const length = head.getUint32(16, true);
  // Doubles hold the product exactly, so a forged count cannot wrap around.
  if (HEAD_BYTES + 8 * (figureCount + columnCount * length) !== buffer.byteLength || columnCount > 4096) {
    throw new FrameError('the sizes in the head of a frame do not match its bytes');
  }
  const figures = new Float64Array(buffer, HEAD_BYTES, figureCount);
  const columns = Array.from(
    { length: columnCount },
    (_, i) => new Float64Array(buffer, HEAD_BYTES + 8 * (figureCount + i * length), length),
  );
  return { id, block: { figures, columns } };
}

/** A stretch of a run as a chart draws it. Entries are in the order of time and do not overlap. */
export interface Envelope {
  /** Samples that one entry stands for; with 1, least and greatest are the same array. */
  readonly samplesEach: number;
  /** Number of the first sample in it, and how many samples all entries stand for together. */
  readonly firstSample: number;
  readonly sampleCount: number;
  /** First and last time of each entry; with samplesEach 1, the same array. */
  readonly fromNs: Float64Array;
  readonly toNs: Float64Array;
  /** One for each series that was asked for, in that order. NaN: not known. */
  readonly columns: readonly { readonly least: Float64Array; readonly greatest: Float64Array }[];
}

export function envelopeToBlock({ samplesEach, firstSample, sampleCount, fromNs, toNs, columns }: Envelope): Block {
  const figures = Float64Array.of(samplesEach, firstSample, sampleCount);
  if (samplesEach === 1) return { figures, columns: [fromNs, ...columns.map(({ least }) => least)] };
  return { figures, columns: [fromNs, toNs, ...columns.flatMap(({ least, greatest }) => [least, greatest])] };
}

export function blockToEnvelope({ figures, columns }: Block): Envelope {
  const [samplesEach, firstSample, sampleCount] = figures;
  const [fromNs, second] = columns;
  if (samplesEach === undefined || firstSample === undefined || sampleCount === undefined || fromNs === undefined) {
    throw new FrameError('a block that is no envelope');
  }
  const about = { samplesEach, firstSample, sampleCount, fromNs };
  if (samplesEach === 1) {
    return { ...about, toNs: fromNs, columns: columns.slice(1).map((least) => ({ least, greatest: least })) };
  }
  if (second === undefined || columns.length % 2 !== 0) throw new FrameError('a block that is no envelope');
  const pairs: { least: Float64Array; greatest: Float64Array }[] = [];
  for (let i = 2; i + 1 < columns.length; i += 2) pairs.push({ least: columns[i]!, greatest: columns[i + 1]! });
  return { ...about, toNs: second, columns: pairs };
}
