// One migration: start it, ask every 50 ms how it goes, end it (completed, timed out, cancelled, failed), see whether the
// guest goes on, and put what was seen into the terms of a run.

import { join } from 'node:path';
import type { Outcome, RunEvent, Summary } from '../../engine/experiment/result.ts';
import { compareMemories, type Comparison } from './compare.ts';
import { QemuError } from './errors.ts';
import { figuresOfMigrate, isFinal, migrateSchema, NO_FIGURES, pagesLeft, type Figures } from './figures.ts';
import type { HashingSink } from './observed.ts';
import { QmpCommandError, type QmpClient, type QmpEvent } from './qmp.ts';
import { Recorder } from './recorder.ts';
import type { GuestReport, GuestReports } from './reports.ts';
import { runMs, sleep, wallOriginMs, type Session } from './session.ts';
import { tellStory, thresholdPages, type Stamps, type Told } from './story.ts';

const QUERY_TIMEOUT_MS = 60_000;
const CANCEL_TIMEOUT_MS = 20_000;
const RESUME_TIMEOUT_MS = 20_000;
const SETTLE_MS = 10;
const SETTLE_TRIES = 50;
/** The guest must report this often at its new place. */
const REPORTS_AFTER = 3;
const REPORTS_AFTER_TIMEOUT_MS = 5000;
/** An experiment without a time-out and without a limit ends all the same. */
const MIGRATION_MS_MAX = 3_600_000;

export interface Watched {
  readonly summary: Summary;
  readonly events: readonly RunEvent[];
}

export async function migrateAndWatch(session: Session, sink: HashingSink): Promise<Watched> {
  const recorder = new Recorder(sink, session.plan.writer);
  const watch = new Watch(session, recorder);
  try {
    await watch.run();
  } catch (error) {
    // From here on there is a run to be kept: it failed. Our own bugs still come out as what they are.
    if (!(error instanceof QemuError) && !(error instanceof QmpCommandError)) throw error;
    watch.end('failed', error.message);
  } finally {
    watch.dispose();
  }
  recorder.finish();
  const { plan, trace } = session;
  return tellStory({
    ...watch.seen(),
    ...{ plan, trace },
    fromWall: (wallMs) => watch.fromWall(wallMs),
    writesAt: (timeNs) => recorder.writesAt(timeNs),
  });
}

type Seen = Pick<
  Told,
  'stamps' | 'outcome' | 'reason' | 'startMs' | 'endMs' | 'last' | 'lastCounting' | 'comparison' | 'goesOn'
>;

/** Everything seen of one migration; times are ms since the guest's clock began. */
class Watch {
  readonly #session: Session;
  readonly #recorder: Recorder;
  readonly #leave: (() => void)[] = [];
  /** Host wall clock at 0 of the run, ms. */
  #wallOriginMs = NaN;
  readonly #stamps: Stamps = { passes: [], throttles: [] };
  #outcome: Outcome = 'failed';
  #reason = '';
  #startMs = NaN;
  #endMs = NaN;
  #last: Figures = NO_FIGURES;
  #lastCounting: Figures = NO_FIGURES;
  #comparison: Comparison | undefined;
  /** Whether the guest went on where it should; undefined where nobody looked. */
  #goesOn: boolean | undefined;
  #sourceReports = 0;
  #destinationReports = 0;

  constructor(session: Session, recorder: Recorder) {
    this.#session = session;
    this.#recorder = recorder;
    const { source, destination } = session;
    this.#leave.push(
      source.qmp.onEvent((event) => {
        this.#onSource(event);
      }),
    );
    this.#leave.push(
      destination.qmp.onEvent((event) => {
        this.#onDestination(event);
      }),
    );
  }

  async run(): Promise<void> {
    const { plan, source, signal } = this.#session;
    await this.#sampleUntil(Math.min(plan.startMs, plan.limitMs), () => false);
    if (signal?.aborted === true) {
      this.end('cancelled', 'Cancelled before the migration began.');
      return;
    }
    const uri = await this.#listen();
    await this.#configure(source.qmp);
    this.#wallOriginMs = wallOriginMs(this.#session);
    this.#startMs = runMs(this.#session);
    await source.qmp.execute('migrate', { uri });
    await this.#precopy();
    switch (this.#last.status) {
      case 'completed':
        await this.#afterCompletion();
        break;
      case 'failed':
        this.end('failed', this.#whyFailed());
        break;
    }
    if (this.#outcome !== 'completed') this.#goesOn = await this.#stillReports(source.reports);
    this.#drainReports();
  }

  end(outcome: Outcome, reason: string): void {
    this.#outcome = outcome;
    this.#reason = reason;
    if (Number.isNaN(this.#endMs)) this.#endMs = runMs(this.#session);
  }

  seen(): Seen {
    return {
      ...{ stamps: this.#stamps, outcome: this.#outcome, reason: this.#reason, startMs: this.#startMs },
      ...{ endMs: this.#endMs, last: this.#last, lastCounting: this.#lastCounting },
      ...{ comparison: this.#comparison, goesOn: this.#goesOn },
    };
  }

  dispose(): void {
    for (const leave of this.#leave.splice(0)) leave();
  }

  /** A wall-clock stamp of QEMU's on the run's axis, ms. */
  fromWall(wallMs: number): number {
    return wallMs - this.#wallOriginMs;
  }

  async #listen(): Promise<string> {
    const { plan, destination, folder } = this.#session;
    await this.#configure(destination.qmp);
    const asked = plan.transport === 'tcp' ? 'tcp:127.0.0.1:0' : `unix:${join(folder.path, 'migration.sock')}`;
    await destination.qmp.execute('migrate-incoming', { uri: asked });
    if (plan.transport === 'unix') return asked;
    const answer = (await destination.qmp.execute('query-migrate')) as { 'socket-address'?: { port?: string }[] };
    const port = answer['socket-address']?.[0]?.port;
    if (port === undefined) throw new QemuError('failed', 'the destination does not say on which port it listens');
    return `tcp:127.0.0.1:${port}`;
  }

  async #configure(qmp: QmpClient): Promise<void> {
    const { capabilities, parameters } = this.#session.plan;
    await qmp.execute('migrate-set-capabilities', { capabilities });
    const { 'zero-page-detection': zeroPages, ...others } = parameters;
    await qmp.execute('migrate-set-parameters', others);
    if (zeroPages === undefined) return;
    try {
      await qmp.execute('migrate-set-parameters', { 'zero-page-detection': zeroPages });
    } catch (error) {
      // Before 9.0 the migration thread looks for zero pages, and nothing else can be asked for.
      if (!(error instanceof QmpCommandError) || !error.message.includes('unexpected')) throw error;
      if (zeroPages !== 'legacy')
        throw new QemuError(
          'unsupported',
          `migration.zero_pages: ${zeroPages} needs QEMU 9.0; this one has legacy only`,
        );
    }
  }

  async #precopy(): Promise<void> {
    const { plan, source, signal } = this.#session;
    const limitMs = Math.min(
      plan.timeoutMs === 0 ? MIGRATION_MS_MAX : plan.timeoutMs,
      Math.max(0, plan.limitMs - this.#startMs),
    );
    let endedBecause: { outcome: Outcome; reason: string } | undefined;
    let cancelledAtMs = NaN;
    let postcopyDue = plan.postcopyAfterMs ?? Infinity;
    await this.#sampleUntil(Infinity, async () => {
      this.#take(await source.qmp.execute('query-migrate', {}, { timeoutMs: QUERY_TIMEOUT_MS }));
      if (isFinal(this.#last.status)) return true;
      const sinceMs = runMs(this.#session) - this.#startMs;
      if (sinceMs >= postcopyDue && this.#last.status === 'active') {
        postcopyDue = Infinity;
        await source.qmp.execute('migrate-start-postcopy');
      }
      // From here on the guest runs at the destination with part of its memory here: nothing can be taken back.
      if (this.#last.status.startsWith('postcopy')) return this.#afterTheMove(sinceMs);
      if (endedBecause === undefined && (signal?.aborted === true || sinceMs >= limitMs)) {
        endedBecause =
          signal?.aborted === true
            ? { outcome: 'cancelled', reason: 'Asked for while the guest ran at the source.' }
            : { outcome: 'timed-out', reason: `Not done after ${Math.round(limitMs)} ms: cancelled.` };
        cancelledAtMs = runMs(this.#session);
        await source.qmp.execute('migrate_cancel');
      }
      if (runMs(this.#session) - cancelledAtMs > CANCEL_TIMEOUT_MS)
        throw new QemuError('timed-out', `QEMU did not cancel within ${CANCEL_TIMEOUT_MS / 1000} s`);
      return false;
    });
    if (this.#last.status === 'cancelled')
      this.end(endedBecause?.outcome ?? 'cancelled', endedBecause?.reason ?? 'QEMU cancelled the migration.');
  }

  /** Whether to wait no longer for the pages that are still here. */
  #afterTheMove(sinceMs: number): boolean {
    if (this.#last.status === 'postcopy-paused')
      throw new QemuError('failed', 'post-copy broke off: the guest is lost, part of its memory was at the source');
    if (this.#session.signal?.aborted === true)
      this.end('cancelled', 'Cancelled in post-copy: the guest ran at the destination, part of its memory was here.');
    else if (sinceMs > MIGRATION_MS_MAX) this.end('timed-out', 'Post-copy did not end.');
    return this.#reason !== '';
  }

  async #afterCompletion(): Promise<void> {
    const { plan, source, destination, folder, signal } = this.#session;
    this.end('completed', '');
    await this.#settledFigures();
    await untilStatus(destination.qmp, plan.compare ? 'paused' : 'running', RESUME_TIMEOUT_MS);
    if (plan.compare) {
      this.#comparison = await compareMemories(source.qmp, destination.qmp, plan.program, folder.path, signal);
      await destination.qmp.execute('cont');
    }
    this.#goesOn = await this.#stillReports(destination.reports);
  }

  /** QEMU says completed a moment before it has worked out total time and downtime (migration_iteration_finish). */
  async #settledFigures(): Promise<void> {
    for (let tries = 0; tries < SETTLE_TRIES; tries++) {
      await sleep(SETTLE_MS);
      this.#take(await this.#session.source.qmp.execute('query-migrate'));
      if ((this.#last.elapsedNs ?? 0) > 0) return;
    }
  }

  #whyFailed(): string {
    const { destination } = this.#session;
    const said = [this.#last.errorText, complaint(destination.stderr())].filter((text) => text !== null && text !== '');
    if (destination.reports.closed) said.push('the destination’s QEMU ended');
    return `The migration failed: ${said.length === 0 ? 'QEMU does not say why' : said.join('; ')}.`;
  }

  /** The guest's clock moves on, and its writes too unless it is idle now. */
  async #stillReports(reports: GuestReports): Promise<boolean> {
    const writing = this.#session.plan.program.vcpus.flat().some(({ pattern }) => pattern !== 'idle');
    const paced = this.#session.plan.pacedWritesPerSecond !== null;
    const before = reports.all.length;
    let next = runMs(this.#session);
    return reports.until(({ all }) => {
      if (runMs(this.#session) >= next) {
        next = runMs(this.#session) + this.#session.plan.sampleMs;
        this.#observe(this.#last);
      }
      const seen = all.slice(before);
      if (seen.length < REPORTS_AFTER) return false;
      const [first, last] = [seen[0]!, seen.at(-1)!];
      return last.guestMs > first.guestMs && (!writing || !paced || last.writes > first.writes);
    }, REPORTS_AFTER_TIMEOUT_MS);
  }

  /** Samples at whole multiples of the interval until the time, or until `done` says so. */
  async #sampleUntil(untilMs: number, done: () => boolean | Promise<boolean>): Promise<void> {
    const { plan, signal, source } = this.#session;
    const now = (): number => runMs(this.#session);
    const migrating = !Number.isNaN(this.#startMs);
    for (let tick = Math.ceil(now() / plan.sampleMs); tick * plan.sampleMs < untilMs; tick++) {
      const atMs = tick * plan.sampleMs;
      await sleep(atMs - now(), migrating ? undefined : signal);
      if (!migrating && signal?.aborted === true) return;
      // A destination that died shows as a failed migration; after a cancelled one QEMU ends it by itself.
      if (source.reports.closed) await lost(source.qmp, source.stderr());
      const finished = await done();
      this.#observe(migrating ? this.#last : null);
      if (finished) return;
      tick = Math.max(tick, Math.floor(now() / plan.sampleMs));
    }
    if (untilMs !== Infinity) await sleep(untilMs - now(), signal);
  }

  #observe(figures: Figures | null): void {
    const { onProgress, plan, trace } = this.#session;
    this.#drainReports();
    const timeNs = Math.round(runMs(this.#session) * 1e6);
    const migrating = figures !== null;
    this.#recorder.observe({
      timeNs,
      figures,
      thresholdPages: migrating && trace.windows.length > 0 ? thresholdPages(trace, figures) : null,
      newlyDirtyPages: migrating && trace.syncs.length > 0 ? trace.newPages : null,
    });
    onProgress({
      phase: Number.isNaN(this.#startMs) ? 'guest runs' : this.#last.status,
      round: this.#last.syncs ?? 0,
      simulatedNs: timeNs,
      limitNs: Math.min(plan.limitMs, plan.startMs + (plan.timeoutMs === 0 ? MIGRATION_MS_MAX : plan.timeoutMs)) * 1e6,
      pagesLeft: pagesLeft(this.#last) ?? 0,
      pagesThreshold: thresholdPages(trace, this.#last),
    });
  }

  #take(answer: unknown): void {
    const read = migrateSchema.safeParse(answer);
    if (!read.success)
      throw new QemuError('failed', `query-migrate answered what we cannot read: ${read.error.message}`);
    const figures = figuresOfMigrate(read.data);
    const before = this.#last.throttlePercent ?? 0;
    if (!isFinal(figures.status) && (figures.throttlePercent ?? before) !== before)
      this.#stamps.throttles.push({ atMs: runMs(this.#session), percent: figures.throttlePercent ?? 0 });
    this.#last = figures;
    if (figures.sentBytes !== null) this.#lastCounting = figures;
  }

  #drainReports(): void {
    const { source, destination } = this.#session;
    const lastThere = source.reports.all.at(-1);
    const firstHere = destination.reports.all[0];
    this.#sourceReports = this.#note(source.reports, this.#sourceReports);
    if (this.#destinationReports === 0 && lastThere !== undefined && firstHere !== undefined)
      this.#noteBlackout(lastThere, firstHere);
    this.#destinationReports = this.#note(destination.reports, this.#destinationReports);
  }

  #note(reports: GuestReports, from: number): number {
    for (const { atMs, writes } of reports.all.slice(from)) this.#recorder.report(this.#timeNs(atMs), writes);
    return reports.all.length;
  }

  /** Between the last report here and the first one there the guest stood still: its own clock says where. */
  #noteBlackout(last: GuestReport, first: GuestReport): void {
    const { stopWallMs, resumeWallMs } = this.#stamps;
    if (stopWallMs === undefined || resumeWallMs === undefined || first.guestMs <= last.guestMs) return;
    const stopMs = this.fromWall(stopWallMs);
    const ranMs = stopMs - (last.atMs - this.#session.originMs);
    const share = Math.min(1, Math.max(0, ranMs / (first.guestMs - last.guestMs)));
    const writes = last.writes + share * (first.writes - last.writes);
    this.#recorder.report(Math.round(stopMs * 1e6), writes);
    this.#recorder.report(Math.round(this.fromWall(resumeWallMs) * 1e6), writes);
  }

  /** performance.now() on the run's axis. */
  #timeNs(atMs: number): number {
    return Math.round((atMs - this.#session.originMs) * 1e6);
  }

  #onSource(event: QmpEvent): void {
    if (Number.isNaN(this.#startMs)) return;
    if (event.name === 'STOP') this.#stamps.stopWallMs ??= event.wallMs;
    else if (event.name === 'RESUME') this.#stamps.sourceResumeWallMs ??= event.wallMs;
    else if (event.name === 'MIGRATION_PASS' && typeof event.data['pass'] === 'number')
      this.#stamps.passes.push({ wallMs: event.wallMs, pass: event.data['pass'] });
  }

  #onDestination(event: QmpEvent): void {
    if (event.name === 'RESUME') this.#stamps.resumeWallMs ??= event.wallMs;
  }
}

async function lost(qmp: QmpClient, stderr: string): Promise<never> {
  const why = await Promise.race([qmp.closed, sleep(500).then(() => new Error('its serial line ended'))]);
  const said = complaint(stderr);
  throw new QemuError('failed', `QEMU ended in the middle of the run: ${said === '' ? why.message : said}`);
}

/** The last lines of standard error that are no trace. */
const complaint = (stderr: string): string =>
  stderr
    .trim()
    .split('\n')
    .filter((line) => !/^\d+@\d/.test(line))
    .slice(-2)
    .join(' / ');

async function untilStatus(qmp: QmpClient, wanted: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = (await qmp.execute('query-status')) as { status?: string };
    if (answer.status === wanted) return;
    if (performance.now() > deadline)
      throw new QemuError('timed-out', `the destination is ${answer.status ?? 'silent'}, not ${wanted}, after the end`);
    await sleep(5);
  }
}
