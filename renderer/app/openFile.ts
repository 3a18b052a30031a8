// An experiment from the user's own files: the desktop's dialog, or the browser's file input.
import { MAX_EXPERIMENT_CHARS } from '../../main/contract/limits.ts';
import type { OpenedFile } from '../../main/contract/desktop.ts';
import { dropped } from './drops.ts';
import { call } from './host.svelte.ts';
import { navigate } from './router.svelte.ts';
import { toast } from './toasts.svelte.ts';

/** Asks for a file and opens it in the editor; in a browser other kinds of files go where dropped ones go. */
export async function openFile(): Promise<void> {
  if (window.desktop === undefined) {
    const files = await chosen();
    if (files.length > 0) await dropped(files);
    return;
  }
  const file = await window.desktop.openFile();
  if (file !== null) await openDraft(file);
}

/** A copy to work on; the file itself changes only when it is saved. */
export async function openDraft({ fileName, text }: OpenedFile): Promise<void> {
  if (text.length > MAX_EXPERIMENT_CHARS) {
    toast(`${fileName} is too large for an experiment: at most 1 MiB`, { tone: 'bad' });
    return;
  }
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
