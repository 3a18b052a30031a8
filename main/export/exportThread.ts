// A thread that makes one export: opens the store by itself, so that nobody else waits for it, and posts pieces as long as it has
// credit. See exportStream.ts for the other end.
import { parentPort, workerData } from 'node:worker_threads';
import { Store } from '../store/store.ts';
import { CREDIT, type ExportJob, type FromExport } from './exportStream.ts';
import { piecesTogether } from './together.ts';

const parent = parentPort;
if (parent === null) throw new Error('exportThread runs in a thread');
const { job, control } = workerData as { readonly job: ExportJob; readonly control: Int32Array };
const tell = (message: FromExport): void => {
  parent.postMessage(message);
};

async function piecesOf(store: Store, of: ExportJob['of']): Promise<AsyncIterable<Uint8Array>> {
  if (!('report' in of)) return piecesTogether(store, of.ids, of.request);
  const { reportPiecesOf } = await import('../report/ofStore.ts');
  return reportPiecesOf(store, of.report);
}

try {
  const store = new Store(job.storeFile);
  try {
    for await (const piece of await piecesOf(store, job.of)) {
      // Waits for whoever takes the pieces; ends with the thread.
      while (Atomics.load(control, CREDIT) <= 0) Atomics.wait(control, CREDIT, 0);
      Atomics.sub(control, CREDIT, 1);
      tell({ kind: 'piece', piece });
    }
  } finally {
    store.close();
  }
  tell({ kind: 'end' });
} catch (error) {
  tell({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
}
