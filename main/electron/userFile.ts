// Small JSON files of the desktop host in the user's folder (window state, recent files): written whole or not at all; one that
// cannot be read, or holds something else, counts as absent.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type * as z from 'zod';

export class UserFile<T> {
  readonly #path: string;
  readonly #schema: z.ZodType<T>;

  constructor(path: string, schema: z.ZodType<T>) {
    this.#path = path;
    this.#schema = schema;
  }

  read(): T | undefined {
    try {
      return this.#schema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch {
      return undefined;
    }
  }

  /** What cannot be kept (a full disk) is not worth troubling anyone. */
  write(value: T): void {
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      const aside = `${this.#path}.${process.pid}.tmp`;
      writeFileSync(aside, `${JSON.stringify(value)}\n`, { mode: 0o600 });
      renameSync(aside, this.#path);
    } catch {
      // See above.
    }
  }
}
