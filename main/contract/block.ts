// Blocks: columns of doubles in one binary frame, with a few figures about them.
//
// After the head of every frame (frameHead.ts): u32 figures | u32 columns | u32 length of each column | 12 bytes 0, then the
// figures, then the columns, all doubles. Columns are views of the frame's own buffer: nothing is copied.
import { newFrame, FrameError, readFrame } from './frameHead.ts';

export interface Block {
  readonly figures: Float64Array;
  readonly columns: readonly Float64Array[];
}

const HEAD_BYTES = 32;

/** All columns must have the same length. */
export function encodeBlock(id: number, { figures, columns }: Block): ArrayBuffer {
  const length = columns[0]?.length ?? 0;
  const size = HEAD_BYTES + 8 * (figures.length + columns.length * length);
  const head = newFrame('block', id, size);
  head.setUint32(8, figures.length, true);
  head.setUint32(12, columns.length, true);
  head.setUint32(16, length, true);
  const values = new Float64Array(head.buffer, HEAD_BYTES);
  values.set(figures);
  for (const [i, column] of columns.entries()) {
    if (column.length !== length) throw new FrameError('columns of one block have one length');
    values.set(column, figures.length + i * length);
  }
  return head.buffer;
}

/** Throws a FrameError where the bytes are not exactly one frame of this version. */
export function decodeBlock(buffer: ArrayBuffer): { readonly id: number; readonly block: Block } {
  const { id, head } = readFrame('block', buffer, HEAD_BYTES);
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
