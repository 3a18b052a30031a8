// `brownout run FILE`: an experiment from its file to a kept run and its summary.
import { parseExperiment } from '../../../engine/experiment/parse.ts';
import type { Progress } from '../../../engine/experiment/result.ts';
import type { Experiment } from '../../../engine/experiment/schema.ts';
import { MAX_FILE_BYTES } from '../../../engine/experiment/limits.ts';
import { formatDuration } from '../../../engine/core/units.ts';
import type { QemuError } from '../../qemu/errors.ts';
import { makeRun, type Producer } from '../../runs/makeRun.ts';
import { IN_MEMORY } from '../../store/database.ts';
import { StoreError } from '../../store/errors.ts';
import { Store } from '../../store/store.ts';
import { WorkerFailure } from '../../workers/failure.ts';
import type { Command } from '../command.ts';
import { writeRunJson } from '../json.ts';
import { problemLines } from '../problems.ts';
import { dbOption, storeFile } from '../storeOption.ts';
import { formatCount } from '../../contract/format.ts';
import { short, summaryLines } from '../summary.ts';
import { EXIT, type ExitCode, type Terminal } from '../terminal.ts';
import { clip, pad, printable, printableLines } from '../text.ts';
import { readTextFile } from '../textFile.ts';

export const command: Command = {
  operands: 'FILE',
  purpose: 'run an experiment and keep the result',
  details:
    'FILE is YAML or JSON; - reads standard input. Ctrl-C cancels: what was measured is kept, marked cancelled; a second one ends at once.',
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
    const text = readExperimentFile(fileName);
    const parsed = parseExperiment(text, { fileName: fileName === '-' ? '(standard input)' : fileName });
    if (!parsed.ok) {
      for (const problem of parsed.problems) for (const line of problemLines(problem)) terminal.say(line);
      return EXIT.wrongInput;
    }
    const experiment = seed === undefined ? parsed.experiment : { ...parsed.experiment, seed };
    const store = new Store(words.flag('no-save') ? IN_MEMORY : storeFile(words));
    try {
      const { producer, close } = await producerOf(experiment, words.flag('allow-qemu'));
      try {
        return await runAndShow({ experiment, text, fileName, producer }, store, words.flag('json'), terminal);
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

async function runAndShow(job: Job, store: Store, json: boolean, terminal: Terminal): Promise<ExitCode> {
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
    if (interrupted) return EXIT.interrupted;
    return isQemuError(error) && (error.kind === 'consent' || error.kind === 'unsupported')
      ? EXIT.wrongInput
      : EXIT.failed;
  }
  terminal.progress('');
  if (json) {
    writeRunJson(store, id, (piece) => {
      terminal.out(piece);
    });
  } else {
    terminal.out(`${summaryLines(store, id).join('\n')}\n`);
  }
  const { summary, expect } = store.run(id);
  if (keeps) terminal.say(`\nKept as run ${id} in ${printable(store.file)}`);
  if (summary?.outcome === 'cancelled' && terminal.interrupted.aborted) return EXIT.interrupted;
  return expect.every(({ met }) => met) ? EXIT.done : EXIT.failed;
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
    const eta = share > 0 ? `, ≤ ${formatDuration(Math.ceil((tookMs * (1 - share)) / share / 1000) * 1e9)}` : '';
    const filled = Math.round(share * 16);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(16 - filled)}`;
    const state = `${printable(phase, 20)}${round > 0 ? `, round ${formatCount(round)}` : ''}`;
    const left = pagesLeft > 0 && round > 0 ? ` ${short(pagesLeft)} pages to send` : '';
    const line = `${bar} ${pad(state, 20)} at ${formatDuration(simulatedNs)}${left}${eta}`;
    this.#terminal.progress(clip(line, 79));
  }
}
