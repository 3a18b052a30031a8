// Runs named on the command line: by their numbers in the store, or as files. An experiment file is run on the spot and not kept;
// a bundle, a report or a file of another tool is read as `import` reads it.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { parseExperiment } from '../../engine/experiment/parse.ts';
import { MAX_FILE_BYTES } from '../../engine/experiment/limits.ts';
import { readFileToImport } from '../import/files.ts';
import { ImportError } from '../import/problem.ts';
import { makeRun } from '../runs/makeRun.ts';
import { IN_MEMORY } from '../store/database.ts';
import { Store } from '../store/store.ts';
import type { SimulationPool } from '../workers/pool.ts';
import { UsageError, type Words } from './command.ts';
import { problemLines } from './problems.ts';
import { existingStore } from './storeOption.ts';
import type { Terminal } from './terminal.ts';
import { printable } from './text.ts';
import { readTextFile } from './textFile.ts';

/** Where a run is, and whether its number means something to the user. */
export interface RunPlace {
  readonly store: Store;
  readonly id: number;
  readonly kept: boolean;
}

/** Opens what the words name. `close` after use; nothing is left of files. */
export class OperandRuns {
  readonly #words: Words;
  readonly #terminal: Terminal;
  #kept: Store | undefined;
  #files: Store | undefined;
  #pool: SimulationPool | undefined;

  constructor(words: Words, terminal: Terminal) {
    this.#words = words;
    this.#terminal = terminal;
  }

  /** The user's store; undefined where nothing was ever kept. */
  get kept(): Store | undefined {
    this.#kept ??= existingStore(this.#words);
    return this.#kept;
  }

  /** One word may name several runs: a file of several measurements. Throws a UsageError that says what is wrong. */
  async open(word: string): Promise<RunPlace[]> {
    if (/^\d{1,15}$/.test(word) && !existsSync(word)) {
      const store = this.kept;
      if (store === undefined) throw new UsageError('no runs are kept yet');
      const { row } = store.run(Number(word));
      if (row.status === 'running') throw new UsageError(`run ${word} is still being made`);
      return [{ store, id: row.id, kept: true }];
    }
    if (!existsSync(word)) {
      throw new UsageError(
        `${printable(word, 60)} is neither the number of a run nor a file; brownout list shows the runs`,
      );
    }
    return /\.ya?ml$/iu.test(word) ? [await this.#experiment(word)] : this.#measured(word);
  }

  async close(): Promise<void> {
    this.#kept?.close();
    this.#files?.close();
    await this.#pool?.close();
  }

  async #experiment(file: string): Promise<RunPlace> {
    const text = readTextFile(file, 'an experiment file', MAX_FILE_BYTES);
    const parsed = parseExperiment(text, { fileName: file });
    if (!parsed.ok) throw new UsageError(parsed.problems.flatMap(problemLines).join('\n'));
    const { experiment } = parsed;
    if (experiment.backend !== 'sim') {
      throw new UsageError(
        `${printable(file)} starts QEMU: run it with brownout run --allow-qemu, and name the kept run`,
      );
    }
    const { SimulationPool } = await import('../workers/pool.ts');
    this.#pool ??= new SimulationPool({ threads: 1 });
    const pool = this.#pool;
    const store = this.#fileStore();
    const request = { name: experiment.name, tags: experiment.tags, experiment: text, fileName: basename(file) };
    const { signal } = { signal: this.#terminal.interrupted };
    const id = await makeRun(store, request, (sink, options) => pool.run(experiment, sink, options), {
      signal,
      onProgress: ({ phase }) => {
        this.#terminal.progress(`${printable(basename(file), 40)}: ${printable(phase, 20)}`);
      },
    });
    this.#terminal.progress('');
    return { store, id, kept: false };
  }

  async #measured(file: string): Promise<RunPlace[]> {
    const store = this.#fileStore();
    try {
      const places: RunPlace[] = [];
      const read = await readFileToImport(file);
      for await (const { id } of read.keep(store, { again: true })) places.push({ store, id, kept: false });
      return places;
    } catch (error) {
      if (error instanceof ImportError) throw new UsageError(printable(error.message));
      throw error;
    }
  }

  #fileStore(): Store {
    this.#files ??= new Store(IN_MEMORY);
    return this.#files;
  }
}
