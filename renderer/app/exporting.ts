// Runs on their way out of the window: the host makes the file; the browser keeps it where it keeps downloads, the desktop asks
// where it shall go.
import { EXPORT_FORMATS, EXPORT_PATH, FORMAT_NAMES, type FormatName } from '../../main/contract/exports.ts';
import { formatPlural } from '../../main/contract/format.ts';
import type { Command } from './commands.svelte.ts';
import { call, messageOf } from './host.svelte.ts';
import { download } from './saveFile.ts';
import { toast } from './toasts.svelte.ts';

export async function exportRuns(ids: readonly number[], format: FormatName): Promise<void> {
  await keepExport(call('exports.open', { ids: [...ids], format }));
}

/** The file of a ticket; resolves with whether it is on its way or written. */
export async function keepExport(
  asked: Promise<{ readonly ticket: string; readonly fileName: string }>,
): Promise<boolean> {
  try {
    const { ticket, fileName } = await asked;
    if (window.desktop === undefined) {
      download(`${EXPORT_PATH}${ticket}`, fileName);
      toast(`${fileName} goes to your downloads.`);
      return true;
    }
    const name = await window.desktop.saveExport(ticket);
    if (name !== null) toast(`${name} is written.`, { tone: 'good' });
    return name !== null;
  } catch (error) {
    toast(`Not exported: ${messageOf(error)}`, { tone: 'bad' });
    return false;
  }
}

/** One for each format, on whatever `ids` names when it is run. */
export function exportCommands(ids: () => readonly number[]): readonly Command[] {
  return FORMAT_NAMES.map((format) => ({
    id: `export.${format}`,
    title: `Export as ${EXPORT_FORMATS[format].title}`,
    menu: 'File',
    enabled: () => ids().length > 0,
    run: () => exportRuns(ids(), format),
  }));
}

export const exportTitle = (count: number): string => `Export ${formatPlural(count, 'run')}`;
