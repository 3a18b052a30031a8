// Exports of a run of 10,000,000 samples in three series, in a heap of HEAP_MIB: samples a second, the peak of the process's
// memory, and how long it takes beside a plain write of as many bytes to the same disk. Files go to the system's folder for
// temporary ones and are removed, but for the store that all formats read.
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../../main/bundle/write.ts';
import { arrow } from '../../main/export/arrow.ts';
import { csv } from '../../main/export/csv.ts';
import { runJson } from '../../main/export/json.ts';
import { parquet } from '../../main/export/parquet.ts';
import { perfetto } from '../../main/export/perfetto.ts';
import { tableOf } from '../../main/export/table.ts';
import { Store } from '../../main/store/store.ts';
import { timeMs, type Bench, type Round } from './bench.ts';

const SAMPLES = 10_000_000;
const HEAP_MIB = 96;
/** Typed arrays and buffers are outside of the heap: a batch, its encoded form, SQLite's cache, Node itself. */
const PEAK_MIB = 512;
const RUN = 1;

const FORMATS: Readonly<Record<string, (store: Store) => Iterable<Uint8Array | string>>> = {
  csv: (store) => csv(tableOf(store, [RUN], 'samples')),
  'csv-long': (store) => csv(tableOf(store, [RUN], 'long')),
  json: (store) => runJson(store, RUN),
  parquet: (store) => parquet(tableOf(store, [RUN], 'samples')),
  arrow: (store) => arrow(tableOf(store, [RUN], 'samples')),
  perfetto: (store) => perfetto(store, RUN),
  bundle: (store) => bundle(store, RUN),
};

/** Made once for all formats, in a process of its own: the memory that takes is not counted against the exports. */
function storeFile(): string {
  const file = join(tmpdir(), `brownout-bench-export-${SAMPLES}.db`);
  const script = join(import.meta.dirname, 'exportStore.ts');
  if (!existsSync(file)) execFileSync(process.execPath, [script, file, String(SAMPLES)]);
  return file;
}

function written(file: string, pieces: Iterable<Uint8Array | string>): number {
  const handle = openSync(file, 'w');
  let bytes = 0;
  for (const piece of pieces) {
    const buffer = typeof piece === 'string' ? Buffer.from(piece) : piece;
    for (let from = 0; from < buffer.length;) from += writeSync(handle, buffer, from);
    bytes += buffer.length;
  }
  fsyncSync(handle);
  closeSync(handle);
  return bytes;
}

function* zeros(bytes: number): Generator<Uint8Array> {
  const piece = new Uint8Array(256 * 1024);
  for (let left = bytes; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
}

function exported(format: string, file: string): Round {
  const folder = mkdtempSync(join(tmpdir(), 'brownout-bench-'));
  const store = new Store(file);
  try {
    const target = join(folder, 'x');
    let bytes = 0;
    const ms = timeMs(() => {
      bytes = written(target, FORMATS[format]!(store));
    });
    const peakMiB = process.resourceUsage().maxRSS / 1024;
    const plainMs = timeMs(() => {
      written(target, zeros(bytes));
    });
    const extra = { peakMiB, isWithinPeak: peakMiB <= PEAK_MIB ? 1 : 0, outMiB: bytes / 2 ** 20 };
    return { value: SAMPLES / 1e6 / (ms / 1000), extra: { ...extra, timesPlainWrite: ms / plainMs } };
  } finally {
    store.close();
    rmSync(folder, { recursive: true });
  }
}

export const benches: readonly Bench[] = Object.keys(FORMATS).map((format) => ({
  name: `export 10 million samples as ${format}`,
  unit: 'million samples/s',
  better: 'higher',
  rounds: 1,
  warmUp: 0,
  nodeFlags: [`--max-old-space-size=${HEAP_MIB}`],
  prepare: () => {
    const file = storeFile();
    return () => exported(format, file);
  },
}));
