// One file for whatever was asked for: where a format makes a file of each run, a ZIP file of them. For hosts that can hand out
// only one file at a time.
import { Zip, ZipPassThrough } from 'fflate';
import type { Store } from '../store/store.ts';
import { exportFileName, severalFileName } from './fileName.ts';
import { endingOf, exportPieces, inOneFile, type ExportRequest } from './formats.ts';
import { ExportError } from './target.ts';

/** What a classic ZIP file can count. */
const ZIP_BYTES = 4 * 2 ** 30 - 2 ** 20;

export function nameTogether(store: Store, ids: readonly number[], request: ExportRequest): string {
  const ending = endingOf(request);
  const [id = 0, ...others] = ids;
  if (others.length === 0) return exportFileName(store.run(id).row, ending);
  return severalFileName(ids, inOneFile(request) ? ending : `${ending}.zip`);
}

export async function* piecesTogether(
  store: Store,
  ids: readonly number[],
  request: ExportRequest,
): AsyncGenerator<Uint8Array> {
  if (ids.length === 1 || inOneFile(request)) {
    yield* await exportPieces(store, ids, request);
    return;
  }
  let out: Uint8Array[] = [];
  let bytes = 0;
  const zip = new Zip((error, piece) => {
    if (error !== null) throw error;
    out.push(piece);
    bytes += piece.length;
  });
  const take = (): Uint8Array[] => {
    if (bytes > ZIP_BYTES)
      throw new ExportError('unfit', 'together they are more than 4 GiB: export fewer runs at once');
    const taken = out;
    out = [];
    return taken;
  };
  for (const id of ids) {
    const member = new ZipPassThrough(exportFileName(store.run(id).row, endingOf(request)));
    member.mtime = new Date(1980, 0, 1);
    zip.add(member);
    for (const piece of await exportPieces(store, [id], request)) {
      member.push(piece);
      yield* take();
    }
    member.push(new Uint8Array(0), true);
    yield* take();
  }
  zip.end();
  yield* take();
}
