// Files that a person opens: by the desktop's dialog or the browser's file input, from the recent ones, by a double click in the
// file manager, by dropping them on the window. Experiments become drafts in the editor, everything else is imported.
import type { OpenedFile } from '../../main/contract/desktop.ts';
import { kindByName, kindOfJson, type FileKind } from '../../main/contract/fileKinds.ts';
import { MAX_EXPERIMENT_CHARS } from '../../main/contract/limits.ts';
import { call, messageOf } from './host.svelte.ts';
import { importFile, importOffered, showImported } from './importing.ts';
import { navigate } from './router.svelte.ts';
import { toast } from './toasts.svelte.ts';

/** Asks for files and opens them. */
export async function openFile(): Promise<void> {
  if (window.desktop === undefined) {
    await openBrowserFiles(await chosen());
    return;
  }
  try {
    await openDesktopFiles(await window.desktop.openFiles());
  } catch (error) {
    toast(messageOf(error), { tone: 'bad' });
  }
}

/** As the desktop's main process hands them over. */
export async function openDesktopFiles(files: readonly OpenedFile[]): Promise<void> {
  await openEach(files, async (file) => {
    switch (file.kind) {
      case 'experiment':
        await openDraft(file.fileName, file.text);
        return;
      case 'import':
        showImported(file.fileName, await importOffered(file), { alone: files.length === 1 });
        return;
      case 'refused':
        throw new Error(file.message);
    }
  });
}

/** As a browser has them: chosen or dropped. */
export async function openBrowserFiles(files: readonly File[]): Promise<void> {
  await openEach(files, async (file) => {
    const kind = await kindOf(file);
    if (kind === undefined)
      throw new Error(
        `${file.name} is no file that Brownout reads: experiments end with .yaml, bundles with .brownout`,
      );
    if (kind === 'import') showImported(file.name, await importFile(file), { alone: files.length === 1 });
    else if (file.size > MAX_EXPERIMENT_CHARS) {
      throw new Error(`${file.name} is too large for an experiment: at most 1 MiB`);
    } else await openDraft(file.name, await file.text());
  });
}

/** One after the other: what is wrong with one does not keep the others out. */
async function openEach<F>(files: readonly F[], open: (file: F) => Promise<void>): Promise<void> {
  for (const file of files) {
    try {
      await open(file);
    } catch (error) {
      toast(messageOf(error), { tone: 'bad' });
    }
  }
}

async function kindOf(file: File): Promise<FileKind | undefined> {
  const kind = kindByName(file.name);
  if (kind !== 'json') return kind;
  return file.size > MAX_EXPERIMENT_CHARS ? 'import' : kindOfJson(await file.text());
}

/** A copy to work on; the file itself changes only when it is saved. */
async function openDraft(fileName: string, text: string): Promise<void> {
  const { id } = await call('drafts.save', { id: null, name: fileName, text, fileName });
  navigate('edit', ['draft', id]);
}

function chosen(): Promise<readonly File[]> {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = true;
  return new Promise((resolve) => {
    input.addEventListener('change', () => {
      resolve([...(input.files ?? [])]);
    });
    input.addEventListener('cancel', () => {
      resolve([]);
    });
    input.click();
  });
}
