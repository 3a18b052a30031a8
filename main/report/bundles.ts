// The runs of a report as bundles in it, so that whoever gets the file can keep them and make them again.
//
// A report is mailed about, so together they are bounded: in the order of the runs, each that still fits. What is left out is
// said in the report; making such a bundle stops as soon as it turns out too large.
import { bundle } from '../bundle/write.ts';
import type { Store } from '../store/store.ts';

/** Null: left out. */
export function bundlesOf(
  places: readonly { readonly store: Store; readonly id: number }[],
  mostBytes: number,
): (Uint8Array | null)[] {
  let left = mostBytes;
  return places.map(({ store, id }) => {
    const packed = left > 0 && store.run(id).row.status !== 'running' ? packedWithin(bundle(store, id), left) : null;
    left -= packed?.length ?? 0;
    return packed;
  });
}

function packedWithin(pieces: Iterable<Uint8Array>, mostBytes: number): Uint8Array | null {
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    bytes += piece.length;
    if (bytes > mostBytes) return null;
    kept.push(piece);
  }
  return Buffer.concat(kept);
}
