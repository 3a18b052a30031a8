// Files on their way into the store: bundles, reports with runs in them, logs of other tools. The desktop offers its engine a
// file by its place; a browser sends it in pieces. The host reads and checks it.
import type { OpenedFile } from '../../main/contract/desktop.ts';
import { IMPORT_PIECE_BYTES, MAX_IMPORT_BYTES, type KeptRun } from '../../main/contract/exports.ts';
import { formatPlural } from '../../main/contract/format.ts';
import { call, messageOf } from './host.svelte.ts';
import { navigate } from './router.svelte.ts';
import { toast } from './toasts.svelte.ts';

/** Something that takes longer is said to be under way. */
const SLOW_MS = 1_000;

/** Rejects with what to tell a person. */
export function importOffered({ id, fileName }: Extract<OpenedFile, { kind: 'import' }>): Promise<readonly KeptRun[]> {
  return told(fileName, async () => (await call('imports.finish', { id })).runs);
}

/** Rejects with what to tell a person. */
export function importFile(file: File): Promise<readonly KeptRun[]> {
  return told(file.name, async () => {
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
  });
}

async function told<T>(fileName: string, work: () => Promise<T>): Promise<T> {
  const slow = setTimeout(() => {
    toast(`${fileName} is being read …`);
  }, SLOW_MS);
  try {
    return await work();
  } catch (error) {
    throw new Error(`Not imported: ${messageOf(error)}`, { cause: error });
  } finally {
    clearTimeout(slow);
  }
}

/** In steps that a call may have as arguments. */
function inBase64(bytes: Uint8Array): string {
  let text = '';
  for (let from = 0; from < bytes.length; from += 8192)
    text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  return btoa(text);
}

/** Takes the runs of files, where that is more than showing them. */
type Taker = (ids: readonly number[]) => void;
let taker: Taker | undefined;

/** From now on, until the function that it returns is called. */
export function takeImported(take: Taker): () => void {
  taker = take;
  return () => {
    if (taker === take) taker = undefined;
  };
}

/** Whoever opened one file with one run wants to look at it; whoever opened many is told what became of each. */
export function showImported(fileName: string, runs: readonly KeptRun[], { alone }: { readonly alone: boolean }): void {
  const fresh = runs.filter(({ already }) => already === 'no');
  const binned = runs.filter(({ already }) => already === 'bin');
  const [first] = fresh.length > 0 ? fresh : runs.filter(({ already }) => already === 'here');
  const show = (id: number): void => {
    navigate('run', [id]);
  };
  const action =
    first === undefined
      ? {}
      : {
          action: {
            title: 'Show',
            run: () => {
              show(first.id);
            },
          },
        };
  const here = runs.flatMap(({ id, already }) => (already === 'bin' ? [] : [id]));
  if (taker !== undefined && here.length > 0) taker(here);
  else if (alone && runs.length === 1 && first !== undefined) show(first.id);
  if (fresh.length > 0) {
    toast(`${fileName}: ${formatPlural(fresh.length, 'run')} imported.`, { tone: 'good', ...action });
  } else if (binned.length > 0) {
    const ids = binned.map(({ id }) => id);
    toast(`${fileName}: its ${ids.length === 1 ? 'run was' : 'runs were'} deleted here.`, {
      action: {
        title: 'Restore',
        run: async () => {
          try {
            await call('runs.undelete', { ids });
            show(ids[0]!);
          } catch (error) {
            toast(messageOf(error), { tone: 'bad' });
          }
        },
      },
    });
  } else toast(`${fileName}: its ${runs.length === 1 ? 'run is' : 'runs are'} here already.`, action);
}
