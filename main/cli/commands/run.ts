// `brownout run FILE`: an experiment from its file to a kept run and its summary. The experiment in a bundle is run once more,
// with its seed, and must come to the same hash.
import { statSync } from 'node:fs';
import { parseExperiment } from '../../../engine/experiment/parse.ts';
import type { Progress } from '../../../engine/experiment/result.ts';
import type { Experiment } from '../../../engine/experiment/schema.ts';
import { ENGINE_VERSION } from '../../../engine/experiment/simulate.ts';
import { MAX_FILE_BYTES } from '../../../engine/experiment/limits.ts';
import { openIfBundle } from '../../import/files.ts';
import { ImportError } from '../../import/problem.ts';
import type { QemuError } from '../../qemu/errors.ts';
import { makeRun, type Producer } from '../../runs/makeRun.ts';
import { IN_MEMORY } from '../../store/database.ts';
import { StoreError } from '../../store/errors.ts';
import { Store } from '../../store/store.ts';
import { WorkerFailure } from '../../workers/failure.ts';
import { UsageError, type Command } from '../command.ts';
import { writeRunJson } from '../json.ts';
import { problemLines } from '../problems.ts';
import { dbOption, storeFile } from '../storeOption.ts';
import { formatCount, formatFigure } from '../../contract/format.ts';
import { short, summaryLines } from '../summary.ts';
import { EXIT, type ExitCode, type Terminal } from '../terminal.ts';
import { clip, pad, printable, printableLines } from '../text.ts';
import { readTextFile } from '../textFile.ts';

export const command: Command = {
  operands: 'FILE',
  purpose: 'run an experiment and keep the result',
  details:
    'FILE is YAML or JSON; - reads standard input. A .brownout bundle is run again and compared with what it holds: exit code 1 where the result differs. Ctrl-C cancels: what was measured is kept, marked cancelled; a second one ends at once.',
  options: {
    seed: { type: 'string', value: 'N', help: 'instead of the seed in the file' },
    json: { type: 'boolean', help: 'the whole result as one JSON document' },
    db: dbOption,
    'allow-qemu': { type: 'boolean', help: 'let a file with backend: qemu start QEMU on this machine' },
    'no-save': { type: 'boolean', help: 'show the result without keeping it' },
  },
  takes: [1, 1],
  async run(words, terminal) {
    const fileName = words.positionals[0] ?? '';
    const seed = words.whole('seed', 0, 4_294_967_295);
    const earlier = earlierRun(fileName, terminal);
    if (earlier === 'broken') return EXIT.wrongInput;
    const text = earlier?.experiment ?? readExperimentFile(fileName);
    const parsed = parseExperiment(text, { fileName: fileName === '-' ? '(standard input)' : fileName });
    if (!parsed.ok) {
      for (const problem of parsed.problems) for (const line of problemLines(problem)) terminal.say(line);
      return EXIT.wrongInput;
    }
    const experiment = { ...parsed.experiment, seed: seed ?? earlier?.seed ?? parsed.experiment.seed };
    const store = new Store(words.flag('no-save') ? IN_MEMORY : storeFile(words));
    try {
      const { producer, close } = await producerOf(experiment, words.flag('allow-qemu'));
      try {
        const job = { experiment, text, fileName: earlier?.fileName ?? fileName, producer };
        const { code, hash } = await runAndShow(job, store, words.flag('json'), terminal);
        return hash === null || earlier === undefined ? code : compared(earlier, experiment, hash, code, terminal);
      } finally {
        await close();
      }
    } finally {
      store.close();
    }
  },
};

interface Job {
  readonly experiment: Experiment;
  readonly text: string;
  readonly fileName: string;
  readonly producer: Producer;
}

/** Hash null: it did not come to its end. */
interface Shown {
  readonly code: ExitCode;
  readonly hash: string | null;
}

async function runAndShow(job: Job, store: Store, json: boolean, terminal: Terminal): Promise<Shown> {
  const { experiment, text, fileName, producer } = job;
  const keeps = store.file !== IN_MEMORY;
  const request = {
    name: experiment.name,
    tags: experiment.tags,
    experiment: text,
    fileName: fileName === '-' ? '' : fileName,
  };
  const bar = new ProgressBar(terminal);
  let begun: number | undefined;
  let id: number;
  try {
    id = await makeRun(store, request, producer, {
      signal: terminal.interrupted,
      onBegin: (run) => {
        begun = run;
      },
      onProgress: (progress) => {
        bar.show(progress);
      },
    });
  } catch (error) {
    const interrupted = terminal.interrupted.aborted;
    if (!interrupted && !(error instanceof WorkerFailure) && !(error instanceof StoreError) && !isQemuError(error)) {
      throw error;
    }
    terminal.progress('');
    if (interrupted) terminal.say('Cancelled.');
    else for (const line of printableLines(`brownout: ${(error as Error).message}`)) terminal.say(line);
    if (keeps && begun !== undefined) terminal.say(`What was measured until then is kept as run ${begun}.`);
    const isRefused = isQemuError(error) && (error.kind === 'consent' || error.kind === 'unsupported');
    return { code: interrupted ? EXIT.interrupted : isRefused ? EXIT.wrongInput : EXIT.failed, hash: null };
  }
  terminal.progress('');
  if (json) {
    writeRunJson(store, id, (piece) => {
      terminal.out(piece);
    });
  } else {
    terminal.out(`${summaryLines(store, id).join('\n')}\n`);
  }
  const { summary, expect, row } = store.run(id);
  if (keeps) terminal.say(`\nKept as run ${id} in ${printable(store.file)}`);
  if (summary?.outcome === 'cancelled' && terminal.interrupted.aborted) return { code: EXIT.interrupted, hash: null };
  return { code: expect.every(({ met }) => met) ? EXIT.done : EXIT.failed, hash: row.hash };
}

/** A run in a bundle, to be made once more. */
interface Earlier {
  readonly experiment: string;
  readonly fileName: string;
  readonly seed: number;
  readonly engineVersion: string;
  readonly hash: string;
}

/** Undefined where the file is no bundle; `broken`: it was said what is wrong with it. */
function earlierRun(path: string, terminal: Terminal): Earlier | 'broken' | undefined {
  if (path === '-' || !statSync(path, { throwIfNoEntry: false })?.isFile()) return undefined;
  try {
    const [bundle, ...others] = openIfBundle(path) ?? [];
    if (bundle === undefined) return undefined;
    const shown = printable(path);
    if (others.length > 0)
      throw new UsageError(`${shown} holds ${others.length + 1} runs: import it, and run one of them`);
    const { fileName, seed, engineVersion, hash, source } = bundle.manifest.run;
    if (source.kind !== 'sim') throw new UsageError(`${shown} holds a measured run: it cannot be made again`);
    if (hash === null) throw new UsageError(`${shown} holds a run that did not finish: there is nothing to compare`);
    return { experiment: bundle.experiment, fileName, seed, engineVersion, hash };
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    terminal.say(printable(error.message));
    return 'broken';
  }
}

function compared(earlier: Earlier, { seed }: Experiment, hash: string, code: ExitCode, terminal: Terminal): ExitCode {
  if (seed !== earlier.seed) {
    terminal.say(`\nNot compared with the bundle: its seed is ${earlier.seed}, this one was ${seed}.`);
    return code;
  }
  if (hash === earlier.hash) {
    terminal.say(`\nThe same result as in the bundle: hash ${hash}`);
    return code;
  }
  const engine = printable(earlier.engineVersion);
  const why =
    earlier.engineVersion === ENGINE_VERSION
      ? `Both say engine ${ENGINE_VERSION}: the bundle was changed, or one of the two is a build between versions.`
      : `The bundle was made by engine ${engine}, this one is ${ENGINE_VERSION}: results may differ between versions.`;
  terminal.say(`\nNOT the result in the bundle: hash ${hash} instead of ${printable(earlier.hash)}.\n${why}`);
  return EXIT.failed;
}

/** The experiment's backend, loaded only when it is wanted. */
async function producerOf(
  experiment: Experiment,
  allowQemu: boolean,
): Promise<{ producer: Producer; close: () => Promise<void> }> {
  switch (experiment.backend) {
    case 'sim': {
      const { SimulationPool } = await import('../../workers/pool.ts');
      const pool = new SimulationPool({ threads: 1 });
      return { producer: (sink, options) => pool.run(experiment, sink, options), close: () => pool.close() };
    }
    case 'qemu': {
      const { runInQemu } = await import('../../qemu/run.ts');
      return {
        producer: (sink, options) => runInQemu(experiment, sink, { ...options, allowQemu }),
        close: () => Promise.resolve(),
      };
    }
  }
}

/** Of main/qemu, without loading it. */
function isQemuError(error: unknown): error is QemuError {
  return error instanceof Error && error.name === 'QemuError';
}

/** The file's text; throws a UsageError that says why it cannot be read. */
export const readExperimentFile = (name: string): string => readTextFile(name, 'an experiment file', MAX_FILE_BYTES);

/** One line on the terminal, redrawn at most ten times a second; nothing in a pipe. */
class ProgressBar {
  readonly #terminal: Terminal;
  readonly #startedMs = performance.now();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show({ phase, round, simulatedNs, limitNs, pagesLeft }: Progress): void {
    if (!this.#terminal.watched) return;
    const share = limitNs > 0 && Number.isFinite(limitNs) ? Math.min(1, simulatedNs / limitNs) : 0;
    const tookMs = performance.now() - this.#startedMs;
    // The migration may end before its limit at any moment: what can be told is how long it takes at most.
    const eta = share > 0 ? `, ≤ ${formatFigure(Math.ceil((tookMs * (1 - share)) / share / 1000) * 1e9, 'ns')}` : '';
    const filled = Math.round(share * 16);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(16 - filled)}`;
    const state = `${printable(phase, 20)}${round > 0 ? `, round ${formatCount(round)}` : ''}`;
    const left = pagesLeft > 0 && round > 0 ? ` ${short(pagesLeft)} pages to send` : '';
    const line = `${bar} ${pad(state, 20)} at ${formatFigure(simulatedNs, 'ns')}${left}${eta}`;
    this.#terminal.progress(clip(line, 79));
  }
}
