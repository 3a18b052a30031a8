// What an exported file is called: after its run, whatever the run is called. Names come from users and from files of others:
// they may hold slashes, dots, control characters, names of devices of Windows, direction marks, 10,000 letters.

/** Bytes in UTF-8, so that number and ending fit into the 255 that file systems allow. */
const MAX_BYTES = 80;

/** `run-12-nic-behind-a-strict-viommu.csv`. Begins with a word of ours, so that nothing before the ending can be special. */
export function exportFileName(run: { readonly id: number; readonly name: string }, extension: string): string {
  const words = slug(run.name);
  return `run-${run.id}${words === '' ? '' : `-${words}`}.${extension}`;
}

/** `runs-3-4-9.csv`, or the first and the last of many. */
export function severalFileName(ids: readonly number[], extension: string): string {
  const shown = ids.length <= 6 ? ids.join('-') : `${ids[0]}-to-${ids.at(-1)}`;
  return `runs-${shown}.${extension}`;
}

/** Letters, digits and marks of any script, everything else a hyphen. */
function slug(name: string): string {
  const words = name
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_]+/gu, '-');
  let cut = '';
  let bytes = 0;
  for (const { segment } of new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(words)) {
    bytes += Buffer.byteLength(segment);
    if (bytes > MAX_BYTES) break;
    cut += segment;
  }
  return cut.replaceAll(/^-+|-+$/gu, '');
}
