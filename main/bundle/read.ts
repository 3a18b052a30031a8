// Reads a bundle. Everything in it is somebody else's word until it was checked: lengths and SHA-256 against the manifest,
// shapes against the schemas, times that never fall, and as many samples and events as it says. `openBundle` checks the small
// members, `checkWhole` all the rest; only then is a bundle given to the store, which reads it a second time.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import type * as z from 'zod';
import type { ExpectResult, HeatMap, RunEvent, SampleChunk, Summary } from '../../engine/experiment/result.ts';
import { readExactJson } from '../contract/exactJson.ts';
import { firstIssue } from '../contract/frames.ts';
import { eventSchema } from '../contract/runs.ts';
import { ImportError } from '../import/problem.ts';
import { ArrowError, arrowStream } from './arrowStream.ts';
import {
  BUNDLE_FORMAT,
  BUNDLE_VERSION,
  EVENTS,
  EXPERIMENT,
  HEAT,
  heatFileSchema,
  LIMITS,
  MANIFEST,
  manifestSchema,
  samplesMember,
  SUMMARY,
  summaryFileSchema,
  versionSchema,
  type Manifest,
} from './format.ts';
import { ZipFile, type Source } from './zipFile.ts';

/** The first message of a stream tells of the run as all exports do, experiment and summary included. */
const ARROW_HEAD_BYTES = 64 * 2 ** 20;

export interface Bundle {
  /** As it shall stand in messages. */
  readonly file: string;
  readonly manifest: Manifest;
  readonly experiment: string;
  /** Null: the run did not finish. */
  readonly summary: Summary | null;
  readonly expect: readonly ExpectResult[];
  readonly heat: HeatMap | undefined;
  samples(): Generator<SampleChunk>;
  events(): Generator<RunEvent>;
}

/** Throws an ImportError. */
export function openBundle(source: Source, file: string): Bundle {
  const zip = new ZipFile(source, file, LIMITS);
  const manifest = readManifest(zip, file);
  const listed = new Map(manifest.members.map((member) => [member.name, member]));
  for (const { name } of zip.members) {
    if (name !== MANIFEST && !listed.has(name)) throw wrong(file, `holds ${name}, which its manifest does not list`);
  }
  for (const { name } of listed.values()) if (!zip.has(name)) throw wrong(file, `${name} is missing`);

  /** A member's bytes, which must turn out to be those that the manifest means. */
  function* bytesOf(name: string): Generator<Uint8Array> {
    const member = listed.get(name);
    if (member === undefined) throw wrong(file, `${name} is missing`);
    const hash = createHash('sha256');
    let bytes = 0;
    for (const piece of zip.bytes(name)) {
      hash.update(piece);
      bytes += piece.length;
      yield piece;
    }
    if (bytes !== member.bytes || hash.digest('hex') !== member.sha256) {
      throw wrong(file, `${name} is not what the manifest says: its SHA-256 differs`);
    }
  }

  const wholeText = (name: string): string => textOf(Buffer.concat([...bytesOf(name)]), file, name);
  const json = <T>(name: string, schema: z.ZodType<T>): T =>
    checked(schema, parsed(wholeText(name), file, name), file, name);
  const { run } = manifest;
  const experiment = wholeText(EXPERIMENT);
  const ending = listed.has(SUMMARY) ? json(SUMMARY, summaryFileSchema) : undefined;
  if (run.status === 'finished' && (ending === undefined || run.hash === null)) {
    throw wrong(file, 'says that its run finished, but has no summary');
  }
  return {
    file,
    manifest,
    experiment,
    summary: ending?.summary ?? null,
    expect: ending?.expect ?? [],
    heat: listed.has(HEAT) ? readHeat(json(HEAT, heatFileSchema), file) : undefined,
    *samples() {
      let first = 0;
      let lastNs = -Infinity;
      for (let number = 1; listed.has(samplesMember(number)); number++) {
        const name = samplesMember(number);
        for (const [timesNs, ...columns] of columnsOf(bytesOf(name), run.series.length + 1, file, name)) {
          const chunk = { firstIndex: first, count: timesNs.length, timesNs, columns };
          lastNs = checkTimes(chunk, lastNs, file, name);
          first += chunk.count;
          yield chunk;
        }
      }
      if (first !== run.samples) throw wrong(file, `holds ${first} samples instead of ${run.samples}`);
    },
    *events() {
      let count = 0;
      for (const line of linesOf(bytesOf(EVENTS), file)) {
        yield readEvent(line, file, ++count);
      }
      if (count !== run.events) throw wrong(file, `holds ${count} events instead of ${run.events}`);
    },
  };
}

/** Reads all of it once. Throws an ImportError; then nothing of the bundle may be used. */
export function checkWhole(bundle: Bundle): void {
  drain(bundle.samples());
  drain(bundle.events());
}

function drain(iterator: Iterator<unknown>): void {
  while (iterator.next().done !== true);
}

function readManifest(zip: ZipFile, file: string): Manifest {
  if (!zip.has(MANIFEST)) throw wrong(file, 'a ZIP file, but no bundle: it has no manifest.json');
  const value = parsed(textOf(Buffer.concat([...zip.bytes(MANIFEST)]), file, MANIFEST), file, MANIFEST);
  const version = versionSchema.safeParse(value);
  if (!version.success) throw wrong(file, `not a bundle of Brownout: ${MANIFEST} does not say "${BUNDLE_FORMAT}"`);
  if (version.data.version > BUNDLE_VERSION) {
    const formats = `bundle format ${version.data.version}, this one knows ${BUNDLE_VERSION}`;
    throw wrong(file, `written by a newer Brownout (${formats})`);
  }
  return checked(manifestSchema, value, file, MANIFEST);
}

function checked<T>(schema: z.ZodType<T>, value: unknown, file: string, name: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw wrong(file, `${name}: ${firstIssue(result.error)}`);
}

function parsed(text: string, file: string, name: string): unknown {
  try {
    return readExactJson(text);
  } catch (error) {
    throw wrong(file, `${name} is not JSON: ${(error as Error).message}`);
  }
}

function textOf(bytes: Uint8Array, file: string, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw wrong(file, `${name} is not text in UTF-8`);
  }
}

/** Column 0 is the time, the others the series in the manifest's order. */
function* columnsOf(
  bytes: Iterator<Uint8Array>,
  width: number,
  file: string,
  name: string,
): Generator<readonly [Float64Array, ...Float64Array[]]> {
  try {
    for (const columns of arrowStream(bytes, width, {
      headBytes: ARROW_HEAD_BYTES,
      bodyBytes: LIMITS.memberBytes(name),
    })) {
      const [times, ...series] = columns;
      if (times !== undefined) yield [times, ...series];
    }
  } catch (error) {
    throw error instanceof ArrowError ? wrong(file, `${name} ${error.message}`) : error;
  }
}

function checkTimes({ timesNs, firstIndex }: SampleChunk, lastNs: number, file: string, name: string): number {
  let last = lastNs;
  for (const [i, time] of timesNs.entries()) {
    if (!(time >= last) || time === Infinity) throw wrong(file, `${name}: the time of sample ${firstIndex + i} falls`);
    last = time;
  }
  return last;
}

function readEvent(line: string, file: string, number: number): RunEvent {
  const name = `${EVENTS} line ${number}`;
  const { source, ...event } = checked(eventSchema.omit({ number: true }), parsed(line, file, name), file, name);
  return source === undefined ? event : { ...event, source };
}

function* linesOf(bytes: Iterable<Uint8Array>, file: string): Generator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (piece?: Uint8Array): string => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch {
      throw wrong(file, `${EVENTS} is not text in UTF-8`);
    }
  };
  let rest = '';
  for (const piece of bytes) {
    const lines = (rest + decode(piece)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LIMITS.eventLineChars)
      throw wrong(file, `${EVENTS} has a line of more than a million characters`);
    yield* lines;
  }
  if (rest + decode() !== '') throw wrong(file, `${EVENTS} does not end with a line break`);
}

function readHeat(heat: z.output<typeof heatFileSchema>, file: string): HeatMap {
  const { rows, columns, totalPages, pagesPerRow, edgesNs, layers } = heat;
  const cells = rows * columns;
  if (edgesNs.length !== columns + 1 || layers.some(({ pages }) => pages.length !== cells)) {
    throw wrong(file, `${HEAT}: edges and layers do not fit its rows and columns`);
  }
  return {
    ...{ rows, columns, totalPages, pagesPerRow, edgesNs: Float64Array.from(edgesNs) },
    layers: layers.map(({ source, pages, ...layer }) => ({
      ...layer,
      ...(source === undefined ? {} : { source }),
      pages: Uint32Array.from(pages),
    })),
  };
}

const wrong = (file: string, why: string): ImportError => new ImportError(file, {}, why);

export function bytesSource(bytes: Uint8Array): Source {
  return { size: bytes.length, read: (from, count) => bytes.subarray(from, from + count) };
}

/** Works on a file as long as it is open. */
export async function withBundleFile<T>(
  path: string,
  work: (bundle: Bundle) => T | Promise<T>,
  file = basename(path),
): Promise<T> {
  let handle: number;
  try {
    handle = openSync(path, 'r');
  } catch (error) {
    throw new ImportError(path, {}, `cannot be opened (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
  try {
    return await work(openBundle(fileSource(handle), file));
  } finally {
    closeSync(handle);
  }
}

function fileSource(handle: number): Source {
  return {
    size: fstatSync(handle).size,
    read(from, count) {
      const bytes = Buffer.allocUnsafe(count);
      let got = 0;
      while (got < count) {
        const more = readSync(handle, bytes, got, count - got, from + got);
        if (more === 0) break;
        got += more;
      }
      return bytes.subarray(0, got);
    },
  };
}
