// The files opened last. The window knows them by an id; which folder they lie in stays here.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import * as z from 'zod';
import type { RecentFile } from '../contract/desktop.ts';
import type { UserFile } from './userFile.ts';

const MAX_RECENT = 12;
export const recentSchema = z.array(z.object({ id: z.uuid(), path: z.string().min(1).max(4_096) })).max(MAX_RECENT);
type Recent = z.infer<typeof recentSchema>;

export class RecentFiles {
  readonly #file: UserFile<Recent>;

  constructor(file: UserFile<Recent>) {
    this.#file = file;
  }

  /** The newest first; those that are gone are left out. */
  list(): RecentFile[] {
    return this.#existing().map(({ id, path }) => ({ id, fileName: basename(path) }));
  }

  path(id: string): string | undefined {
    return this.#existing().find((one) => one.id === id)?.path;
  }

  opened(path: string): void {
    const others = this.#existing().filter((one) => one.path !== path);
    this.#file.write([{ id: randomUUID(), path }, ...others].slice(0, MAX_RECENT));
  }

  #existing(): Recent {
    return (this.#file.read() ?? []).filter(({ path }) => existsSync(path));
  }
}
