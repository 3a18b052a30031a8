// A run on its way through Redis: frames, each with a letter for its kind. Columns travel as the store keeps them (compressed,
// with a checksum of the values), the rest as compressed exact JSON. A reader believes nothing: sizes, shapes and order are
// checked before anything reaches the sink.
//
//   h head | s samples | e events | m heat map | f finished; h comes first, f last
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import * as z from 'zod';
import type { HeatMap, RunEvent, RunHead, RunSink, SampleChunk } from '../../engine/experiment/result.ts';
import { exactJson, readExactJson } from '../contract/exactJson.ts';
import { eventSchema, expectResultSchema, seriesInfoSchema, summarySchema } from '../contract/runs.ts';
import { decodeColumn, encodeColumn } from '../store/columns.ts';
import { MAX_FRAME_BYTES } from './protocol.ts';

/** Bytes that come out of one frame at most. */
const MAX_INFLATED = 64 * 1024 * 1024;
const MAX_SERIES = 1_000;
const MAX_SAMPLES = 1_000_000;

/** The bytes are no frames of ours, or not in order. */
export class FrameTrouble extends Error {
  override readonly name = 'FrameTrouble';
}

/** A sink that makes frames; `put` gets each as it is ready. */
export function framingSink(put: (frame: Buffer) => void): RunSink {
  const json = (kind: string, value: unknown): void => {
    put(Buffer.concat([Buffer.from(kind), deflateRawSync(exactJson(value), { level: 1 })]));
  };
  let events: RunEvent[] = [];
  let heat: HeatMap | undefined;
  const flushEvents = (): void => {
    if (events.length > 0) json('e', events);
    events = [];
  };
  return {
    head: (head) => {
      json('h', head);
    },
    samples: (chunk) => {
      put(samplesFrame(chunk));
    },
    event: (event) => {
      events.push(event);
      if (events.length >= 4096) flushEvents();
    },
    // Each replaces the one before: only the last one travels.
    heat: (map) => {
      heat = map;
    },
    finished: (summary, expect, hash) => {
      flushEvents();
      if (heat !== undefined) put(heatFrame(heat));
      json('f', { summary, expect, hash });
    },
  };
}

function samplesFrame({ firstIndex, count, timesNs, columns }: SampleChunk): Buffer {
  const encoded = [timesNs, ...columns].map((column) => encodeColumn(column.subarray(0, count)));
  const about = { firstIndex, count, columns: encoded.map(({ codec, crc, data }) => [codec, crc, data.length]) };
  return withHead(
    's',
    about,
    encoded.map(({ data }) => data),
  );
}

function heatFrame({ rows, columns, totalPages, pagesPerRow, edgesNs, layers }: HeatMap): Buffer {
  const about = { rows, columns, totalPages, pagesPerRow, layers: layers.map(({ pages: _, ...layer }) => layer) };
  const edges = encodeColumn(edgesNs);
  const values = layers.map(({ pages }) => deflateRawSync(littleEndian(pages), { level: 1 }));
  const sizes = [[edges.codec, edges.crc, edges.data.length], ...values.map((part) => [0, 0, part.length])];
  return withHead('m', { ...about, parts: sizes }, [edges.data, ...values]);
}

function littleEndian(words: Uint32Array): Buffer {
  const bytes = Buffer.alloc(words.length * 4);
  for (let i = 0; i < words.length; i++) bytes.writeUInt32LE(words[i]!, i * 4);
  return bytes;
}

function withHead(kind: string, about: unknown, parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.from(JSON.stringify(about));
  const start = Buffer.alloc(5);
  start.write(kind, 'latin1');
  start.writeUInt32LE(head.length, 1);
  return Buffer.concat([start, head, ...parts]);
}

const figure = z.number().min(0);
const headSchema = z.object({
  source: z.object({ kind: z.enum(['sim', 'qemu']), text: z.string().max(1000) }),
  engineVersion: z.string().max(100),
  seed: z.int().min(0),
  samplingNs: figure,
  series: z.array(seriesInfoSchema).max(MAX_SERIES),
});
const eventsSchema = z.array(eventSchema.omit({ number: true })).max(10_000);
const finishedSchema = z.object({
  summary: summarySchema,
  expect: z.array(expectResultSchema).max(1000),
  hash: z.string().regex(/^[0-9a-f]{64}$/u),
});
const partSchema = z.tuple([z.int().min(0).max(255), z.int().min(0).max(0xffff_ffff), z.int().min(0)]);
const samplesSchema = z.object({
  firstIndex: z.int().min(0),
  count: z.int().min(1).max(MAX_SAMPLES),
  columns: z.array(partSchema).max(MAX_SERIES + 1),
});
const heatSchema = z.object({
  rows: z.int().min(1).max(65_536),
  columns: z.int().min(1).max(65_536),
  totalPages: figure,
  pagesPerRow: figure,
  layers: z
    .array(
      z.object({
        id: z.string().max(300),
        kind: z.enum(['written', 'dirty', 'sent', 'sent-again', 'lost']),
        label: z.string().max(300),
        source: z.string().max(300).optional(),
      }),
    )
    .max(256),
  parts: z.array(partSchema).max(257),
});

/** Reads frames in order into a sink. */
export class FrameReader {
  readonly #sink: RunSink;
  #head: RunHead | undefined;
  #samples = 0;
  #finished = false;

  constructor(sink: RunSink) {
    this.#sink = sink;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** Throws a FrameTrouble where the frame is not one that may come now; the sink's own errors pass. */
  read(frame: Buffer): void {
    const kind = frame.toString('latin1', 0, 1);
    if (frame.length > MAX_FRAME_BYTES) throw new FrameTrouble(`a frame of ${frame.length} bytes`);
    if (this.#finished) throw new FrameTrouble('a frame after the end');
    if ((this.#head === undefined) !== (kind === 'h')) throw new FrameTrouble('the frames are not in order');
    switch (kind) {
      case 'h':
        this.#head = readJson(headSchema, frame) as RunHead;
        this.#sink.head(this.#head);
        break;
      case 's':
        this.#sink.samples(this.#readSamples(frame));
        break;
      case 'e':
        for (const event of readJson(eventsSchema, frame)) this.#sink.event(event as RunEvent);
        break;
      case 'm':
        this.#sink.heat?.(readHeat(frame));
        break;
      case 'f': {
        const { summary, expect, hash } = readJson(finishedSchema, frame);
        this.#finished = true;
        this.#sink.finished(summary, expect, hash);
        break;
      }
      default:
        throw new FrameTrouble('a frame of no known kind');
    }
  }

  #readSamples(frame: Buffer): SampleChunk {
    const { about, parts } = readParts(samplesSchema, frame, ({ columns }) => columns);
    const { firstIndex, count } = about;
    if (firstIndex !== this.#samples || parts.length !== this.#head!.series.length + 1) {
      throw new FrameTrouble('samples are missing');
    }
    if (count * parts.length * 8 > MAX_INFLATED) throw new FrameTrouble('a frame of too many samples');
    const [timesNs, ...columns] = parts.map(({ codec, crc, data }) => column({ codec, crc, data }, count));
    this.#samples += count;
    return { firstIndex, count, timesNs: timesNs!, columns };
  }
}

function column(encoded: { codec: number; crc: number; data: Uint8Array }, count: number): Float64Array {
  const values = decodeColumn(encoded, count);
  if (values === undefined) throw new FrameTrouble('a column does not match its checksum');
  return values;
}

function readHeat(frame: Buffer): HeatMap {
  const { about, parts } = readParts(heatSchema, frame, (each) => each.parts);
  const { rows, columns, totalPages, pagesPerRow, layers } = about;
  const [edges, ...maps] = parts;
  if (edges === undefined || maps.length !== layers.length || rows * columns * 4 * maps.length > MAX_INFLATED) {
    throw new FrameTrouble('a heat map in pieces');
  }
  return {
    ...{ rows, columns, totalPages, pagesPerRow },
    edgesNs: column(edges, columns + 1),
    layers: layers.map(({ source, ...layer }, i) => {
      const bytes = inflated(maps[i]!.data);
      if (bytes.length !== rows * columns * 4) throw new FrameTrouble('a heat map in pieces');
      const pages = Uint32Array.from({ length: rows * columns }, (_, at) => bytes.readUInt32LE(at * 4));
      return source === undefined ? { ...layer, pages } : { ...layer, source, pages };
    }),
  };
}

interface Part {
  readonly codec: number;
  readonly crc: number;
  readonly data: Buffer;
}

function readParts<T>(
  schema: z.ZodType<T>,
  frame: Buffer,
  sizesOf: (about: T) => readonly (readonly [codec: number, crc: number, size: number])[],
): { readonly about: T; readonly parts: readonly Part[] } {
  const headEnd = frame.length < 5 ? Infinity : 5 + frame.readUInt32LE(1);
  if (headEnd > frame.length) throw new FrameTrouble('a frame that is cut off');
  const about = checked(schema, parsed(frame.toString('utf8', 5, headEnd)));
  let at = headEnd;
  const parts = sizesOf(about).map(([codec, crc, size]) => {
    const data = frame.subarray(at, at + size);
    if (data.length !== size) throw new FrameTrouble('a frame that is cut off');
    at += size;
    return { codec, crc, data };
  });
  if (at !== frame.length) throw new FrameTrouble('a frame with something behind it');
  return { about, parts };
}

function readJson<T>(schema: z.ZodType<T>, frame: Buffer): T {
  return checked(schema, parsed(inflated(frame.subarray(1)).toString('utf8')));
}

function inflated(bytes: Buffer): Buffer {
  try {
    return inflateRawSync(bytes, { maxOutputLength: MAX_INFLATED });
  } catch {
    throw new FrameTrouble('a frame that cannot be unpacked');
  }
}

function parsed(text: string): unknown {
  try {
    return readExactJson(text);
  } catch {
    throw new FrameTrouble('a frame that is not JSON');
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new FrameTrouble(`${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'unknown'}`);
}
