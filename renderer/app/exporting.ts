// Runs on their way out of the window: the host makes the file, the browser keeps it where it keeps downloads.
import { EXPORT_FORMATS, EXPORT_PATH, FORMAT_NAMES, type FormatName } from '../../main/contract/exports.ts';
import { formatPlural } from '../../main/contract/format.ts';
import type { Command } from './commands.svelte.ts';
import { call, host, messageOf } from './host.svelte.ts';
import { toast } from './toasts.svelte.ts';

/** The desktop's window keeps no downloads: there `brownout export` writes the file. */
export const canExport = (): boolean => host.info?.host === 'browser';

export async function exportRuns(ids: readonly number[], format: FormatName): Promise<void> {
  try {
    const { ticket, fileName } = await call('exports.open', { ids: [...ids], format });
    const link = document.createElement('a');
    link.href = `${EXPORT_PATH}${ticket}`;
    link.download = fileName;
    link.click();
    toast(`${fileName} goes to your downloads.`);
  } catch (error) {
    toast(`Not exported: ${messageOf(error)}`, { tone: 'bad' });
  }
}

/** One for each format, on whatever `ids` names when it is run. */
export function exportCommands(ids: () => readonly number[]): readonly Command[] {
  return FORMAT_NAMES.map((format) => ({
    id: `export.${format}`,
    title: `Export as ${EXPORT_FORMATS[format].title}`,
    menu: 'File',
    enabled: () => canExport() && ids().length > 0,
    run: () => exportRuns(ids(), format),
  }));
}

export const exportTitle = (count: number): string => `Export ${formatPlural(count, 'run')}`;
