// Calls about files on their way out and in: see files.ts.
import { ServiceError } from '../contract/errors.ts';
import { ExportError } from '../export/target.ts';
import type { Handlers, Parts } from './handlers.ts';

type Methods = 'exports.open' | 'imports.begin' | 'imports.add' | 'imports.finish' | 'imports.cancel';

export function fileHandlers({ changed, files }: Parts): Handlers<Methods> {
  return {
    'exports.open': ({ ids, format, table }) => {
      try {
        return files.ticketFor([...new Set(ids)], { format, table });
      } catch (error) {
        if (error instanceof ExportError) throw new ServiceError({ kind: 'conflict', message: error.message });
        throw error;
      }
    },
    'imports.begin': ({ fileName, bytes }) => ({ id: files.begin(fileName, bytes) }),
    'imports.add': ({ id, at, base64 }) => {
      files.add(id, at, base64);
      return null;
    },
    'imports.finish': async ({ id }) => {
      const runs = await files.finish(id);
      changed(runs.map((run) => run.id));
      return { runs };
    },
    'imports.cancel': ({ id }) => {
      files.drop(id);
      return null;
    },
  };
}
