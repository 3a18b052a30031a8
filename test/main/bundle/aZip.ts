// ZIP files as somebody might make them to harm: every field can be made to lie.
import { createHash } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';
import type { Manifest } from '../../../main/bundle/format.ts';

export interface Part {
  readonly name: string;
  readonly data: Uint8Array | string;
  /** What the directory says instead of the truth. */
  readonly says?: Partial<{
    name: string;
    bytes: number;
    packedBytes: number;
    crc: number;
    flags: number;
    method: number;
    from: number;
  }>;
}

export interface ZipLies {
  readonly count?: number;
  readonly comment?: string;
  readonly directoryFrom?: number;
}

export function aZip(parts: readonly Part[], lies: ZipLies = {}): Buffer {
  const heads: Buffer[] = [];
  const entries: Buffer[] = [];
  let from = 0;
  for (const { name, data, says = {} } of parts) {
    const bytes = Buffer.from(data);
    const packed = deflateRawSync(bytes);
    const crc = says.crc ?? crc32(bytes);
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt16LE(8, 8);
    head.writeUInt16LE(Buffer.byteLength(name), 26);
    heads.push(Buffer.concat([head, Buffer.from(name), packed]));
    const said = Buffer.from(says.name ?? name);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(says.flags ?? 0, 8);
    entry.writeUInt16LE(says.method ?? 8, 10);
    entry.writeUInt32LE(crc, 16);
    entry.writeUInt32LE(says.packedBytes ?? packed.length, 20);
    entry.writeUInt32LE(says.bytes ?? bytes.length, 24);
    entry.writeUInt16LE(said.length, 28);
    entry.writeUInt32LE(says.from ?? from, 42);
    entries.push(Buffer.concat([entry, said]));
    from += heads.at(-1)!.length;
  }
  const directory = Buffer.concat(entries);
  const comment = Buffer.from(lies.comment ?? '');
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(lies.count ?? parts.length, 8);
  end.writeUInt16LE(lies.count ?? parts.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(lies.directoryFrom ?? from, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...heads, directory, end, comment]);
}

/** The members of a bundle, put together again with one of them changed and its hash put right: what a forger would do. */
export function forged(
  members: Readonly<Record<string, Uint8Array>>,
  change: (members: Record<string, Buffer>, manifest: Manifest) => void,
): Buffer {
  const parts = Object.fromEntries(Object.entries(members).map(([name, bytes]) => [name, Buffer.from(bytes)]));
  const manifest = JSON.parse(parts['manifest.json']!.toString()) as Manifest;
  delete parts['manifest.json'];
  change(parts, manifest);
  const listed = Object.entries(parts).map(([name, bytes]) => ({
    name,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }));
  const whole = { ...parts, 'manifest.json': JSON.stringify({ ...manifest, members: listed }) };
  return aZip(Object.entries(whole).map(([name, data]) => ({ name, data })));
}
