// The head that every binary frame begins with, little-endian: 'B' 'O', protocol version, kind of frame | u32 id of the call or
// subscription. What follows is the kind's own (block.ts, heatFrame.ts). Every machine that Electron or a browser with typed
// arrays of doubles runs on today is little-endian; a big-endian one is refused where a frame is made or read.
import { MAX_FRAME_BYTES, PROTOCOL_VERSION } from './limits.ts';

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** A frame's fourth byte. */
export const FRAME_KINDS = { block: 0, heat: 1 } as const;
export type FrameKind = keyof typeof FRAME_KINDS;

export function kindOfFrame(buffer: ArrayBuffer): FrameKind {
  return buffer.byteLength > 3 && new Uint8Array(buffer)[3] === FRAME_KINDS.heat ? 'heat' : 'block';
}

/** A frame of so many bytes with its head written; the rest is 0. Throws a FrameError where it would be too large. */
export function newFrame(kind: FrameKind, id: number, bytes: number): DataView<ArrayBuffer> {
  refuseBigEndian();
  if (bytes > MAX_FRAME_BYTES) throw new FrameError(`a binary frame would have ${bytes} bytes`);
  const frame = new DataView(new ArrayBuffer(bytes));
  frame.setUint8(0, 0x42);
  frame.setUint8(1, 0x4f);
  frame.setUint8(2, PROTOCOL_VERSION);
  frame.setUint8(3, FRAME_KINDS[kind]);
  frame.setUint32(4, id, true);
  return frame;
}

/** Throws a FrameError where the bytes do not begin as a frame of this kind and version. `headBytes`: with the kind's own head. */
export function readFrame(kind: FrameKind, buffer: ArrayBuffer, headBytes: number): { id: number; head: DataView } {
  refuseBigEndian();
  if (buffer.byteLength < headBytes || buffer.byteLength > MAX_FRAME_BYTES) {
    throw new FrameError(`a binary frame of ${buffer.byteLength} bytes`);
  }
  const head = new DataView(buffer);
  if (head.getUint8(0) !== 0x42 || head.getUint8(1) !== 0x4f || head.getUint8(3) !== FRAME_KINDS[kind]) {
    throw new FrameError(`not a ${kind} frame of Brownout`);
  }
  if (head.getUint8(2) !== PROTOCOL_VERSION) throw new FrameError(`a frame of version ${head.getUint8(2)}`);
  return { id: head.getUint32(4, true), head };
}

function refuseBigEndian(): void {
  if (!LITTLE_ENDIAN) throw new FrameError('binary frames need a little-endian machine');
}
