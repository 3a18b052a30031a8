// Files on their way into the store: bundles, reports with runs in them, logs of other tools. Sent to the host in pieces; the
// host reads and checks them.
import { IMPORT_PIECE_BYTES, MAX_IMPORT_BYTES, type KeptRun } from '../../main/contract/exports.ts';
import { formatPlural } from '../../main/contract/format.ts';
import { call, messageOf } from './host.svelte.ts';
import { navigate } from './router.svelte.ts';
import { toast } from './toasts.svelte.ts';

export const importable = ({ name }: File): boolean => /\.(?:brownout|html?|json|jsonl|log|txt)$/iu.test(name);

/** One after the other: what is wrong with one does not keep the others out. */
export async function importFiles(files: readonly File[]): Promise<void> {
  for (const file of files) {
    try {
      told(file.name, await importFile(file));
    } catch (error) {
      toast(`Not imported: ${messageOf(error)}`, { tone: 'bad' });
    }
  }
}

async function importFile(file: File): Promise<readonly KeptRun[]> {
  if (file.size > MAX_IMPORT_BYTES) throw new Error(`${file.name} is larger than 4 GiB`);
  const { id } = await call('imports.begin', { fileName: file.name, bytes: file.size });
  try {
    for (let at = 0; at < file.size; at += IMPORT_PIECE_BYTES) {
      const piece = new Uint8Array(await file.slice(at, at + IMPORT_PIECE_BYTES).arrayBuffer());
      await call('imports.add', { id, at, base64: inBase64(piece) });
    }
  } catch (error) {
    await call('imports.cancel', { id });
    throw error;
  }
  return (await call('imports.finish', { id })).runs;
}

/** In steps that a call may have as arguments. */
function inBase64(bytes: Uint8Array): string {
  let text = '';
  for (let from = 0; from < bytes.length; from += 8192)
    text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  return btoa(text);
}

function told(fileName: string, runs: readonly KeptRun[]): void {
  const fresh = runs.filter(({ already }) => already === 'no');
  const binned = runs.filter(({ already }) => already === 'bin').length;
  const [first] = fresh.length > 0 ? fresh : runs;
  const open =
    first === undefined || first.already === 'bin'
      ? {}
      : {
          action: {
            title: 'Show',
            run: () => {
              navigate('run', [first.id]);
            },
          },
        };
  if (fresh.length > 0) toast(`${fileName}: ${formatPlural(fresh.length, 'run')} imported.`, { tone: 'good', ...open });
  else if (binned > 0) toast(`${fileName}: its run was deleted here; it is among the deleted runs.`);
  else toast(`${fileName}: its run is here already.`, open);
}
