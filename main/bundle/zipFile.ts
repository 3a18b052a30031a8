// Reads a ZIP file that somebody else may have made to harm: what it says is checked before anything is unpacked.
//
// 1. Only the central directory counts, and a member's own head must agree with it. No member lies over another one.
// 2. Names are plain relative paths, each once; nothing is ever written to a path from the file.
// 3. Sizes are known beforehand: more members, bytes or packing than the limits allow are refused unread, and a member that
//    unpacks to anything else than it says is refused when it does so.
// 4. CRC-32 is checked of all that is read.
//
// Not read, because no bundle has it: encryption, several disks, ZIP64, methods other than stored and deflate.
import { crc32 } from 'node:zlib';
import { Inflate } from 'fflate';
import { ImportError, quote } from '../import/problem.ts';

/** Bytes at a place; `read` gives fewer only at the end. */
export interface Source {
  readonly size: number;
  read(from: number, count: number): Uint8Array;
}

export interface ZipLimits {
  readonly fileBytes: number;
  readonly members: number;
  readonly memberBytes: (name: string) => number;
  readonly unpackedBytes: number;
  readonly ratio: number;
  readonly ratioFromBytes: number;
}

export interface ZipMember {
  readonly name: string;
  /** Unpacked. */
  readonly bytes: number;
}

interface Entry extends ZipMember {
  readonly deflated: boolean;
  readonly crc: number;
  readonly packedBytes: number;
  /** Of its own head. */
  readonly from: number;
}

const END_BYTES = 22;
const COMMENT_MAX = 65_535;
const ENTRY_BYTES = 46;
const HEAD_BYTES = 30;
const SIGNATURE = { end: 0x0605_4b50, entry: 0x0201_4b50, head: 0x0403_4b50 } as const;
const IN_64_BITS = 0xffff_ffff;
const ENCRYPTED = 0x0001;
const NAME = /^[a-z0-9][a-z0-9._-]*(?:\/[a-z0-9][a-z0-9._-]*)*$/u;
/** Deflate packs at most 1:1032, so a piece unpacks to 17 MB at most. */
const PIECE = 16 * 1024;

export const looksLikeZip = (start: Uint8Array): boolean =>
  start[0] === 0x50 && start[1] === 0x4b && (start[2] === 3 || start[2] === 5);

export class ZipFile {
  readonly #source: Source;
  readonly #file: string;
  readonly #entries = new Map<string, Entry>();

  /** Throws an ImportError naming `file` where it is not one that may be read. */
  constructor(source: Source, file: string, limits: ZipLimits) {
    this.#source = source;
    this.#file = file;
    if (source.size > limits.fileBytes) throw this.#wrong(`${source.size} bytes are more than ${limits.fileBytes}`);
    const { from, count, bytes } = this.#end(limits);
    this.#readEntries(source.read(from, bytes), count);
    this.#checkSizes(limits);
    this.#checkPlaces(from);
  }

  get members(): readonly ZipMember[] {
    return [...this.#entries.values()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** The member's bytes, piece by piece. Throws an ImportError where they are not what the directory says. */
  *bytes(name: string): Generator<Uint8Array> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw this.#wrong(`${quote(name)} is missing`);
    const broken = (why: string): ImportError => this.#wrong(`${quote(name)} ${why}`);
    let unpacked = 0;
    let crc = 0;
    for (const piece of entry.deflated ? this.#inflated(entry, broken) : this.#packed(entry, broken)) {
      unpacked += piece.length;
      if (unpacked > entry.bytes) throw broken(`unpacks to more than the ${entry.bytes} bytes it says`);
      crc = crc32(piece, crc);
      yield piece;
    }
    if (unpacked !== entry.bytes) throw broken(`unpacks to ${unpacked} bytes instead of ${entry.bytes}`);
    if (crc !== entry.crc) throw broken('is damaged: its checksum is another one');
  }

  *#inflated(entry: Entry, broken: (why: string) => ImportError): Generator<Uint8Array> {
    let ready: Uint8Array[] = [];
    const state = { ended: false };
    const inflate = new Inflate((piece, final) => {
      ready.push(piece);
      state.ended = final;
    });
    let left = entry.packedBytes;
    for (const piece of this.#packed(entry, broken)) {
      left -= piece.length;
      try {
        inflate.push(piece, left === 0);
      } catch {
        throw broken('is damaged: it cannot be unpacked');
      }
      const pieces = ready;
      ready = [];
      yield* pieces;
    }
    if (!state.ended) throw broken('is damaged: it ends too early');
  }

  *#packed({ from, packedBytes }: Entry, broken: (why: string) => ImportError): Generator<Uint8Array> {
    let at = this.#dataOf(from);
    for (let left = packedBytes; left > 0;) {
      const piece = this.#source.read(at, Math.min(PIECE, left));
      if (piece.length === 0) throw broken('is cut off');
      yield piece;
      at += piece.length;
      left -= piece.length;
    }
  }

  #end(limits: ZipLimits): { readonly from: number; readonly count: number; readonly bytes: number } {
    const { size } = this.#source;
    const tail = this.#source.read(Math.max(0, size - END_BYTES - COMMENT_MAX), END_BYTES + COMMENT_MAX);
    const view = viewOf(tail);
    for (let at = tail.length - END_BYTES; at >= 0; at--) {
      // The comment must reach the end exactly, or the signature is only part of something else.
      if (view.getUint32(at, true) !== SIGNATURE.end) continue;
      if (view.getUint16(at + 20, true) !== tail.length - at - END_BYTES) continue;
      const count = view.getUint16(at + 10, true);
      const bytes = view.getUint32(at + 12, true);
      const from = view.getUint32(at + 16, true);
      const endAt = size - tail.length + at;
      if (view.getUint32(at + 4, true) !== 0 || view.getUint16(at + 8, true) !== count) {
        throw this.#wrong('a ZIP file of several disks');
      }
      if (bytes === IN_64_BITS || from === IN_64_BITS) throw this.#wrong('a ZIP64 file, which no bundle is');
      if (count > limits.members) throw this.#wrong(`${count} members are more than ${limits.members}`);
      if (from + bytes !== endAt) throw this.#wrong('its directory is damaged');
      return { from, count, bytes };
    }
    throw this.#wrong('a ZIP file that is cut off: it has no directory');
  }

  #readEntries(directory: Uint8Array, count: number): void {
    const view = viewOf(directory);
    let at = 0;
    for (let i = 0; i < count; i++) {
      if (at + ENTRY_BYTES > directory.length || view.getUint32(at, true) !== SIGNATURE.entry) {
        throw this.#wrong('its directory is damaged');
      }
      const flags = view.getUint16(at + 8, true);
      const method = view.getUint16(at + 10, true);
      const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)) as [
        number,
        number,
        number,
      ];
      const name = Buffer.from(directory.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes)).toString('latin1');
      if (!NAME.test(name)) throw this.#wrong(`holds ${quote(name)}, a name that no bundle has`);
      if (this.#entries.has(name)) throw this.#wrong(`holds ${quote(name)} twice`);
      if ((flags & ENCRYPTED) !== 0) throw this.#wrong(`${quote(name)} is encrypted`);
      if (method !== 0 && method !== 8) throw this.#wrong(`${quote(name)} is packed in a way (${method}) no bundle is`);
      const entry: Entry = {
        name,
        deflated: method === 8,
        crc: view.getUint32(at + 16, true),
        packedBytes: view.getUint32(at + 20, true),
        bytes: view.getUint32(at + 24, true),
        from: view.getUint32(at + 42, true),
      };
      if (!entry.deflated && entry.bytes !== entry.packedBytes) throw this.#wrong('its directory is damaged');
      this.#entries.set(name, entry);
      at += ENTRY_BYTES + nameBytes + extraBytes + commentBytes;
    }
    if (at !== directory.length) throw this.#wrong('its directory is damaged');
  }

  #checkSizes(limits: ZipLimits): void {
    let unpacked = 0;
    let packed = 0;
    for (const { name, bytes, packedBytes } of this.#entries.values()) {
      const most = limits.memberBytes(name);
      if (bytes > most) throw this.#wrong(`${quote(name)} would unpack to ${bytes} bytes, more than ${most}`);
      unpacked += bytes;
      packed += packedBytes;
    }
    const isBomb = unpacked > limits.ratioFromBytes && unpacked > limits.ratio * packed;
    if (unpacked > limits.unpackedBytes || isBomb) {
      throw this.#wrong(`would unpack from ${packed} to ${unpacked} bytes, which no bundle does`);
    }
  }

  /** Members one after the other before the directory: overlapping ones unpack one piece of data many times. */
  #checkPlaces(directoryFrom: number): void {
    const entries = [...this.#entries.values()].sort((a, b) => a.from - b.from);
    let free = 0;
    for (const entry of entries) {
      if (entry.from < free) throw this.#wrong('its members lie over each other');
      free = this.#dataOf(entry.from, entry.name) + entry.packedBytes;
      if (free > directoryFrom) throw this.#wrong('its directory is damaged');
    }
  }

  /** Where the data begins behind the member's own head. */
  #dataOf(from: number, name?: string): number {
    const head = this.#source.read(from, HEAD_BYTES);
    if (head.length < HEAD_BYTES) throw this.#wrong('is cut off');
    const view = viewOf(head);
    const nameBytes = view.getUint16(26, true);
    if (view.getUint32(0, true) !== SIGNATURE.head) throw this.#wrong('its directory is damaged');
    if (name !== undefined) {
      const own = Buffer.from(this.#source.read(from + HEAD_BYTES, nameBytes)).toString('latin1');
      if (own !== name) throw this.#wrong(`calls ${quote(name)} ${quote(own)} in another place`);
    }
    return from + HEAD_BYTES + nameBytes + view.getUint16(28, true);
  }

  #wrong(why: string): ImportError {
    return new ImportError(this.#file, {}, why);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
