// A run as a bundle, piece by piece: fflate makes the ZIP around what zlib has compressed. The same run gives the same bytes.
import { createHash, type Hash } from 'node:crypto';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import { Zip, type AsyncFlateStreamHandler, type ZipInputFile } from 'fflate';
import { exactJson } from '../contract/exactJson.ts';
import { arrow } from '../export/arrow.ts';
import { tableOf, type Batch, type Table } from '../export/table.ts';
import { ExportError } from '../export/target.ts';
import { version } from '../setup/version.ts';
import type { StoredRun } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import {
  BUNDLE_FORMAT,
  BUNDLE_VERSION,
  EVENTS,
  EXPERIMENT,
  HEAT,
  LIMITS,
  MANIFEST,
  SAMPLES_BYTES,
  samplesMember,
  SUMMARY,
  type Manifest,
} from './format.ts';

const EVENTS_AT_ONCE = 4096;

export function* bundle(store: Store, id: number): Generator<Uint8Array> {
  const run = store.run(id);
  const { row } = run;
  const { status } = row;
  if (status === 'running') {
    throw new ExportError('unfit', `run ${id} is being made: a bundle holds runs that have ended`);
  }
  const archive = new Archive();
  const counted = { samples: 0, events: 0 };
  yield* archive.member(EXPERIMENT, [Buffer.from(run.experiment)]);
  if (run.summary !== null) {
    yield* archive.member(SUMMARY, [Buffer.from(exactJson({ summary: run.summary, expect: run.expect }))]);
  }
  yield* archive.member(EVENTS, eventLines(store, run, counted));
  let number = 0;
  for (const table of samplesInParts(tableOf(store, [id], 'samples'), counted)) {
    yield* archive.member(samplesMember(++number), arrow(table, 'stream'));
  }
  const heat = store.heat(id);
  if (heat !== undefined) yield* archive.member(HEAT, heatPieces(heat));
  const { members } = archive;
  const manifest: Manifest = { ...head(), run: { ...aboutRun(run, status), ...counted }, members };
  yield* archive.member(MANIFEST, [Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)]);
  yield* archive.end();
}

const head = (): Pick<Manifest, 'format' | 'version' | 'brownout'> => ({
  format: BUNDLE_FORMAT,
  version: BUNDLE_VERSION,
  brownout: version(),
});

function aboutRun(
  { row, series }: StoredRun,
  status: Manifest['run']['status'],
): Omit<Manifest['run'], 'samples' | 'events'> {
  return {
    uid: row.uid,
    name: row.name,
    tags: [...row.tags],
    note: row.note,
    fileName: row.fileName,
    source: { kind: row.sourceKind, text: row.sourceText },
    engineVersion: row.engineVersion,
    seed: row.seed,
    samplingNs: row.samplingNs,
    status,
    failure: row.failure,
    createdMs: row.createdMs,
    endedMs: row.endedMs,
    hash: row.hash,
    series: [...series],
  };
}

function* eventLines(store: Store, { row }: StoredRun, counted: { events: number }): Generator<Uint8Array> {
  for (let from = 0; from < row.eventCount; from += EVENTS_AT_ONCE) {
    const events = store.events(row.id, from, Math.min(EVENTS_AT_ONCE, row.eventCount - from));
    counted.events += events.length;
    yield Buffer.from(events.map(({ number: _, ...event }) => `${exactJson(event)}\n`).join(''));
  }
}

/** Tables that come to SAMPLES_BYTES at most, each a whole Arrow stream. */
function* samplesInParts(table: Table, counted: { samples: number }): Generator<Table> {
  const batches = table.batches()[Symbol.iterator]();
  const rowBytes = 8 * table.columns.length;
  let next = batches.next();
  while (next.done !== true) {
    yield { ...table, batches: part };
  }

  function* part(): Generator<Batch> {
    let bytes = 0;
    while (next.done !== true && (bytes === 0 || bytes + next.value.rows * rowBytes <= SAMPLES_BYTES)) {
      bytes += next.value.rows * rowBytes;
      counted.samples += next.value.rows;
      yield next.value;
      next = batches.next();
    }
  }
}

function* heatPieces(heat: NonNullable<ReturnType<Store['heat']>>): Generator<Uint8Array> {
  const { edgesNs, layers, ...sizes } = heat;
  const start = JSON.stringify({ ...sizes, edgesNs: [...edgesNs] });
  yield Buffer.from(`${start.slice(0, -1)},"layers":[`);
  for (const [i, { pages, ...layer }] of layers.entries()) {
    yield Buffer.from(`${i === 0 ? '' : ','}\n${JSON.stringify({ ...layer, pages: [...pages] })}`);
  }
  yield Buffer.from(']}\n');
}

class Archive {
  readonly members: Manifest['members'] = [];
  #out: Uint8Array[] = [];
  #bytes = 0;
  readonly #zip = new Zip((error, piece) => {
    if (error !== null) throw error;
    this.#bytes += piece.length;
    this.#out.push(piece);
  });

  *member(name: string, pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
    const member = new Member(name);
    this.#zip.add(member);
    for (const piece of pieces) {
      member.push(piece);
      yield* this.#take();
    }
    const sha256 = member.end();
    this.members.push({ name, bytes: member.size, sha256 });
    yield* this.#take();
  }

  *end(): Generator<Uint8Array> {
    this.#zip.end();
    yield* this.#take();
  }

  /** Classic ZIP files count in 32 bits; nobody moves a larger bundle about. */
  *#take(): Generator<Uint8Array> {
    if (this.#bytes > LIMITS.fileBytes - 2 ** 20) {
      throw new ExportError('unfit', 'a bundle holds 4 GiB at most: export the samples as Parquet instead');
    }
    const out = this.#out;
    this.#out = [];
    yield* out;
  }
}

/** One member on its way into the ZIP. Pieces are compressed one by one, which costs a little of the ratio and holds nothing. */
class Member implements ZipInputFile {
  readonly filename: string;
  readonly compression = 8;
  /** Midnight of the first day that ZIP knows, in any time zone. */
  readonly mtime = new Date(1980, 0, 1);
  size = 0;
  crc = 0;
  ondata?: AsyncFlateStreamHandler;
  readonly #hash: Hash = createHash('sha256');

  constructor(filename: string) {
    this.filename = filename;
  }

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.size += piece.length;
    this.crc = crc32(piece, this.crc);
    this.#hash.update(piece);
    // Ends at a byte, without the mark of the last block.
    this.#send(deflateRawSync(piece, { level: 6, finishFlush: constants.Z_SYNC_FLUSH }), false);
  }

  end(): string {
    this.#send(deflateRawSync(new Uint8Array(0)), true);
    return this.#hash.digest('hex');
  }

  #send(packed: Uint8Array, final: boolean): void {
    this.ondata?.(null, packed as Uint8Array<ArrayBuffer>, final);
  }
}
