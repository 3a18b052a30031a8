// `brownout sweep FILE`: many runs of one experiment with fields varied; and what can be done with kept sweeps.
import { formatDuration } from '../../../engine/core/units.ts';
import { DEFAULT_SWEEP_POINTS, MAX_SWEEP_POINTS } from '../../../engine/experiment/limits.ts';
import { ENGINE_VERSION } from '../../../engine/experiment/simulate.ts';
import { planSweep, type SweepPlan } from '../../../engine/experiment/sweep.ts';
import { StoreError } from '../../store/errors.ts';
import { Store } from '../../store/store.ts';
import { keepSweep, planOf, SweepError } from '../../sweeps/plan.ts';
import { runSweep, sweepTag, type SweepProgress, type SweepWorkers } from '../../sweeps/runSweep.ts';
import { UsageError, type Command, type Words } from '../command.ts';
import { problemLines } from '../problems.ts';
import { dbOption, existingStore, storeFile } from '../storeOption.ts';
import { formatCount } from '../../contract/format.ts';
import { settingResults, sweepLines } from '../sweepTable.ts';
import { EXIT, type ExitCode, type Terminal } from '../terminal.ts';
import { pad, printable, printableJson } from '../text.ts';
import { localTime } from './list.ts';
import { readExperimentFile } from './run.ts';

export const command: Command = {
  operands: 'FILE | list | show ID | resume ID | pause ID | forget ID',
  purpose: 'run an experiment many times with fields varied',
  details:
    'FILE is an experiment file with a `sweep` section (docs/sweeps.md); - reads standard input. Ctrl-C pauses; the same command, or resume, goes on without repeating a finished point, also after a crash. Each point is a run with the tag sweep-ID.\nlist: the kept sweeps. show: what one came to. pause: asks the process that works on it to pause. forget: removes a sweep, not its runs.',
  options: {
    workers: { type: 'string', value: 'N', help: 'simulations at the same time (default: one for each core)' },
    queue: { type: 'string', value: 'URL', help: 'let brownout worker processes compute, over this Redis' },
    'max-points': { type: 'string', value: 'N', help: `allow so many points (default: ${DEFAULT_SWEEP_POINTS})` },
    new: { type: 'boolean', help: 'begin anew where this file has an unfinished sweep' },
    plan: { type: 'boolean', help: 'only show what would be run' },
    json: { type: 'boolean', help: 'the points and their figures as one JSON document' },
    'allow-qemu': { type: 'boolean', help: 'let points with backend: qemu start QEMU on this machine' },
    db: dbOption,
  },
  takes: [1, 2],
  async run(words, terminal) {
    const [first = '', operand] = words.positionals;
    if (first === 'list') return list(words, terminal);
    const act = Object.hasOwn(ACTS, first) ? ACTS[first] : undefined;
    if (act === undefined) {
      if (operand !== undefined) throw new UsageError(`${printable(operand, 40)} is one too many: brownout sweep FILE`);
      return begin(first, words, terminal);
    }
    const store = existingStore(words);
    if (store === undefined) throw new UsageError('no sweeps are kept yet');
    try {
      return await act(store, sweepId(operand), words, terminal);
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'absent') throw new UsageError(printable(error.message));
      throw error;
    } finally {
      store.close();
    }
  },
};

type Act = (store: Store, id: number, words: Words, terminal: Terminal) => Promise<ExitCode> | ExitCode;

/** The words that are no files; a file of such a name is `./list`. */
const ACTS: Readonly<Record<string, Act>> = {
  show(store, id, words, terminal) {
    show(store, id, words.flag('json'), terminal);
    return EXIT.done;
  },
  resume(store, id, words, terminal) {
    return sweep(store, id, planOrRefuse(store, id), words, terminal);
  },
  pause(store, id, _words, terminal) {
    if (store.sweeps.wantPause(id)) terminal.say(`Sweep ${id} pauses as soon as its worker sees it.`);
    else terminal.say(`Nobody works on sweep ${id}.`);
    return EXIT.done;
  },
  forget(store, id, _words, terminal) {
    if (store.sweeps.get(id).status === 'running') throw new UsageError(`sweep ${id} is under way; pause it first`);
    store.sweeps.remove(id);
    terminal.say(`Sweep ${id} is forgotten; its runs stay: brownout list 'tag = "${sweepTag(id)}"'`);
    return EXIT.done;
  },
};

function sweepId(word: string | undefined): number {
  const id = /^\d{1,15}$/.test(word ?? '') ? Number(word) : 0;
  if (id > 0) return id;
  throw new UsageError(`${printable(word ?? '', 40)} is not the number of a sweep; brownout sweep list shows them`);
}

async function begin(fileName: string, words: Words, terminal: Terminal): Promise<ExitCode> {
  const maxPoints = words.whole('max-points', 1, MAX_SWEEP_POINTS) ?? DEFAULT_SWEEP_POINTS;
  const text = readExperimentFile(fileName);
  const planned = planSweep(text, { fileName: fileName === '-' ? '(standard input)' : fileName, maxPoints });
  if (!planned.ok) {
    for (const problem of planned.problems) for (const line of problemLines(problem)) terminal.say(line);
    return EXIT.wrongInput;
  }
  const { plan } = planned;
  if (words.flag('plan')) {
    showPlan(plan, words.flag('json'), terminal);
    return EXIT.done;
  }
  const store = new Store(storeFile(words));
  try {
    const unfinished = words.flag('new') ? undefined : store.sweeps.unfinished(text, ENGINE_VERSION);
    if (unfinished !== undefined) {
      terminal.say(`Going on with sweep ${unfinished.id} of this file; --new begins another.`);
    }
    const id = unfinished?.id ?? keepSweep(store, plan, text, fileName === '-' ? '' : fileName);
    return await sweep(store, id, plan, words, terminal);
  } finally {
    store.close();
  }
}

function planOrRefuse(store: Store, id: number): SweepPlan {
  try {
    return planOf(store, store.sweeps.get(id));
  } catch (error) {
    if (error instanceof SweepError) throw new UsageError(error.message);
    throw error;
  }
}

async function sweep(store: Store, id: number, plan: SweepPlan, words: Words, terminal: Terminal): Promise<ExitCode> {
  const allowQemu = words.flag('allow-qemu');
  if (plan.backends.has('qemu') && !allowQemu) {
    throw new UsageError('this sweep starts QEMU on this machine; --allow-qemu agrees to that');
  }
  const bar = new SweepBar(terminal);
  let ended: 'finished' | 'paused';
  const workers = await workersOf(store, id, words, terminal);
  try {
    ended = await runSweep(store, id, plan, workers, {
      signal: terminal.interrupted,
      onProgress: (progress) => {
        bar.show(progress);
      },
    });
  } catch (error) {
    terminal.progress('');
    if (error instanceof SweepError) throw new UsageError(error.message);
    if (error instanceof StoreError) terminal.say(`brownout sweep resume ${id} goes on when that is put right.`);
    throw error;
  } finally {
    await workers.close();
  }
  terminal.progress('');
  show(store, id, words.flag('json'), terminal);
  if (ended === 'paused') {
    terminal.say(`\nPaused: brownout sweep resume ${id} goes on with it.`);
    return terminal.interrupted.aborted ? EXIT.interrupted : EXIT.done;
  }
  terminal.say(`\nKept as sweep ${id}, runs with the tag ${sweepTag(id)}, in ${printable(store.file)}`);
  const sound = store.sweeps.points(id).every(({ status, expectMet }) => status === 'done' && expectMet);
  return sound ? EXIT.done : EXIT.failed;
}

async function workersOf(
  store: Store,
  id: number,
  words: Words,
  terminal: Terminal,
): Promise<SweepWorkers & { close(): Promise<void> }> {
  const threads = words.whole('workers', 1, 256);
  const url = words.text('queue');
  if (url === undefined) {
    const { LocalWorkers } = await import('../../sweeps/localWorkers.ts');
    return new LocalWorkers({ allowQemu: words.flag('allow-qemu'), ...(threads === undefined ? {} : { threads }) });
  }
  if (threads !== undefined)
    throw new UsageError('--workers is for this machine; with --queue the workers say how many');
  const { redisAddress, QueueError } = await import('../../queue/redis.ts');
  const { QueueWorkers } = await import('../../queue/queueWorkers.ts');
  try {
    return await QueueWorkers.open({
      address: redisAddress(url),
      sweepUid: store.sweeps.get(id).uid,
      signal: terminal.interrupted,
      say: (line) => {
        terminal.say(printable(line, 500));
      },
    });
  } catch (error) {
    if (error instanceof QueueError) throw new UsageError(printable(error.message, 500));
    throw error;
  }
}

function list(words: Words, terminal: Terminal): ExitCode {
  const store = existingStore(words);
  try {
    const sweeps = store?.sweeps.list() ?? [];
    if (words.flag('json')) terminal.out(`${printableJson({ sweeps })}\n`);
    else if (sweeps.length === 0) terminal.say('No sweeps are kept yet. Try: brownout sweep examples/sweeps/…');
    else {
      const line = (id: string, when: string, status: string, done: string, name: string): string =>
        `${pad(id, 4, 'right')} ${pad(when, 16)} ${pad(status, 11)} ${pad(done, 13, 'right')} ${printable(name, 60)}`;
      terminal.out(`${line('ID', 'STARTED', 'STATUS', 'DONE', 'NAME')}\n`);
      for (const { id, createdMs, status, done, points, name } of sweeps) {
        const share = `${formatCount(done)}/${formatCount(points)}`;
        terminal.out(`${line(String(id), localTime(createdMs), status, share, name)}\n`);
      }
    }
  } finally {
    store?.close();
  }
  return EXIT.done;
}

function show(store: Store, id: number, json: boolean, terminal: Terminal): void {
  const row = store.sweeps.get(id);
  const points = store.sweeps.points(id);
  if (!json) {
    terminal.out(`${sweepLines(row, points, terminal.columns).join('\n')}\n`);
    return;
  }
  const front = settingResults(points).flatMap(({ onFront, points: members }) =>
    onFront ? [members[0]!.setting] : [],
  );
  // Piece by piece: a hundred thousand points are more than one string should hold.
  const head = printableJson({ sweep: row, front });
  terminal.out(`${head.slice(0, -2)},\n  "points": [`);
  for (const [i, { written, ...point }] of points.entries()) {
    terminal.out(`${i === 0 ? '' : ','}\n    ${printableJson({ ...point, values: written }, 0)}`);
  }
  terminal.out('\n  ]\n}\n');
}

function showPlan(plan: SweepPlan, json: boolean, terminal: Terminal): void {
  const { name, method, fields, settings, seeds, points, repeated } = plan;
  if (json) {
    terminal.out(`${printableJson({ name, method, fields, settings, seeds, points, repeated })}\n`);
    return;
  }
  const made = `${formatCount(settings.length)} settings × ${formatCount(seeds.length)} seeds: ${formatCount(points.length)} points`;
  terminal.out(`${printable(name)}\n\n${made}\n`);
  for (const [i, { name: field }] of fields.entries()) {
    const values = [...new Set(settings.map((setting) => printable(JSON.stringify(setting[i]), 40)))];
    const more = values.length > 8 ? `, … (${formatCount(values.length)} values)` : '';
    terminal.out(`  ${printable(field)}: ${values.slice(0, 8).join(', ')}${more}\n`);
  }
  if (repeated > 0) terminal.say(`${formatCount(repeated)} settings give the same runs as others and are left out.`);
}

/** A line that is redrawn where somebody watches; a line for each tenth where nobody does. */
class SweepBar {
  readonly #terminal: Terminal;
  #toldTenth = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show({ total, done, failed, underWay, etaMs }: SweepProgress): void {
    const ended = done + failed;
    const share = total === 0 ? 1 : ended / total;
    const eta = etaMs === null || ended === total ? '' : `, ${formatDuration(Math.ceil(etaMs / 1000) * 1e9)} to go`;
    const broken = failed > 0 ? `, ${formatCount(failed)} failed` : '';
    const text = `${formatCount(done)} of ${formatCount(total)} points done${broken}`;
    if (this.#terminal.watched) {
      const filled = Math.round(share * 16);
      const bar = `${'█'.repeat(filled)}${'░'.repeat(16 - filled)}`;
      this.#terminal.progress(`${bar} ${text}, ${formatCount(underWay)} under way${eta}`);
      return;
    }
    const tenth = Math.floor(share * 10);
    if (tenth <= this.#toldTenth) return;
    this.#toldTenth = tenth;
    this.#terminal.say(`${text}${eta}`);
  }
}
