// From a path on this machine to what the window is told of it: an experiment's text, or an id under which the engine's process
// reads what is to be imported. Files of any size go that way; none is read here but an experiment.
import { basename } from 'node:path';
import type { OpenedFile } from '../contract/desktop.ts';
import { ServiceError } from '../contract/errors.ts';
import type { CoreProcess } from './coreProcess.ts';
import type { MainElectron } from './electron.ts';
import { FileTrouble, findFile } from './openFiles.ts';
import type { RecentFiles } from './recentFiles.ts';

export interface OpenPathsOptions {
  readonly electron: Pick<MainElectron, 'app'>;
  readonly core: Pick<CoreProcess, 'ask'>;
  readonly recent: RecentFiles;
}

export class OpenPaths {
  readonly #options: OpenPathsOptions;

  constructor(options: OpenPathsOptions) {
    this.#options = options;
  }

  async open(path: string): Promise<OpenedFile> {
    const { electron, core, recent } = this.#options;
    try {
      const found = findFile(path);
      const { kind, fileName } = found;
      const file = kind === 'experiment' ? found : { kind, fileName, id: await core.ask('offer', { path, fileName }) };
      recent.opened(path);
      electron.app.addRecentDocument(path);
      return file;
    } catch (error) {
      if (!(error instanceof FileTrouble) && !(error instanceof ServiceError)) throw error;
      return { kind: 'refused', fileName: basename(path), message: error.message };
    }
  }
}
