// An export made in a thread of its own, as the stream of its bytes. Pieces are made ahead of whoever takes them by CREDITS at
// most, so that a slow reader costs no memory.
import { Worker } from 'node:worker_threads';
import type { ReportFileParams } from '../contract/report.ts';
import type { ExportRequest } from './formats.ts';

type ExportOf =
  { readonly ids: readonly number[]; readonly request: ExportRequest } | { readonly report: ReportFileParams };

export interface ExportJob {
  readonly storeFile: string;
  readonly of: ExportOf;
  readonly fileName: string;
  readonly mediaType: string;
}

/** A job whose file is a report. */
export type ReportJob = ExportJob & { readonly of: Extract<ExportOf, { readonly report: unknown }> };

export const isReport = (job: ExportJob): job is ReportJob => 'report' in job.of;

export type FromExport =
  | { readonly kind: 'piece'; readonly piece: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly message: string };

/** Position of the credit in the shared words. */
export const CREDIT = 0;
const CREDITS = 4;
const THREAD = new URL(`./exportThread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);

/** Throws what went wrong; ending it early ends the thread. */
export async function* exportStream(job: ExportJob): AsyncGenerator<Uint8Array> {
  const control = new Int32Array(new SharedArrayBuffer(4));
  Atomics.store(control, CREDIT, CREDITS);
  const worker = new Worker(THREAD, {
    workerData: { job, control },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const arrived: FromExport[] = [];
  let ring: () => void = () => undefined;
  const put = (message: FromExport): void => {
    arrived.push(message);
    ring();
  };
  worker.on('message', put);
  worker.on('error', (error) => {
    put({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
  });
  worker.on('exit', () => {
    put({ kind: 'error', message: 'the export’s thread ended before it was done' });
  });
  try {
    for (;;) {
      const next = arrived.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          ring = resolve;
        });
        continue;
      }
      if (next.kind === 'end') return;
      if (next.kind === 'error') throw new Error(next.message);
      yield next.piece;
      Atomics.add(control, CREDIT, 1);
      Atomics.notify(control, CREDIT);
    }
  } finally {
    await worker.terminate();
  }
}
