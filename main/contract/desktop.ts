// What only a desktop window can do: the preload puts an object of this shape at `window.desktop`. In a browser it is not
// there, and the renderer offers the browser's own ways (a file input, a download, a drop).
import * as z from 'zod';

/**
 * A file that the user chose; its folder stays with the main process. An experiment comes with its text. What has runs in it
 * stays where it is, whatever its size: the engine's process knows it by `id`, and `imports.finish` reads it.
 */
export type OpenedFile =
  | { readonly kind: 'experiment'; readonly fileName: string; readonly text: string }
  | { readonly kind: 'import'; readonly fileName: string; readonly id: number }
  /** It cannot be opened: a sentence that says why. */
  | { readonly kind: 'refused'; readonly fileName: string; readonly message: string };

export interface RecentFile {
  readonly id: string;
  readonly fileName: string;
}

/** Commands of the native menu: the same ids as in the renderer's command registry. */
export const menuItemSchema = z.object({
  id: z.string().regex(/^[a-z0-9.-]{1,60}$/u),
  title: z.string().max(80),
  /** The menu it stands in: File, Edit, View … */
  menu: z.enum(['File', 'Edit', 'View', 'Run', 'Help']),
  /** Electron's spelling: `CmdOrCtrl+Enter`; '' for none. */
  accelerator: z.string().max(40),
  enabled: z.boolean(),
});
export type MenuItem = z.infer<typeof menuItemSchema>;

export interface DesktopApi {
  /** None when the user cancels the dialog. */
  openFiles(): Promise<readonly OpenedFile[]>;
  /** Resolves with the chosen file's name, or null. */
  saveFile(suggestedName: string, text: string): Promise<string | null>;
  /**
   * Asks where the export of this ticket (`exports.open`) shall go; the engine's process writes it there, whole or not at all.
   * Resolves with the chosen file's name, or null.
   */
  saveExport(ticket: string): Promise<string | null>;
  recentFiles(): Promise<readonly RecentFile[]>;
  openRecent(id: string): Promise<OpenedFile | null>;
  /** Shows an https address of the documentation in the user's browser; others are refused. */
  openDocumentation(address: string): Promise<void>;
  /** Builds the native menu from the command registry. */
  setMenu(items: readonly MenuItem[]): Promise<void>;
  /** A menu item was chosen. */
  onCommand(listener: (id: string) => void): () => void;
  /** A file was opened from outside: by double click, or as an argument. */
  onFile(listener: (file: OpenedFile) => void): () => void;
}
