import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../../main/contract/block.ts';
import type { Client } from '../../../main/contract/client.ts';
import { aClient, anExperiment, aService, jobsUntil, runToEnd } from './aService.ts';

/** Everything that a watcher is given until the end. */
function watch(
  client: Client,
  runId: number,
  points = 1000,
): {
  readonly envelopes: Envelope[];
  readonly events: number[];
  readonly skipped: () => number;
  readonly ended: Promise<void>;
} {
  const envelopes: Envelope[] = [];
  const events: number[] = [];
  let skipped = 0;
  const ended = new Promise<void>((resolve, reject) => {
    client.subscribe(
      'live',
      { runId, series: ['dirty.device.nic0'], points, fromEvent: 0 },
      {
        item(item) {
          events.push(...item.events.map(({ number }) => number));
          skipped += item.skipped;
        },
        envelope: (envelope) => envelopes.push(envelope),
        end(error) {
          if (error === null) resolve();
          else reject(new Error(error.message));
        },
      },
    );
  });
  return { envelopes, events, skipped: () => skipped, ended };
}

describe('a job', () => {
  it('becomes a kept run, and every window sees it on its way', async () => {
    const service = aService();
    const [first, second] = [aClient(service), aClient(service)];
    const seen = jobsUntil(second, (jobs) => jobs.some(({ state }) => state === 'finished'));
    const job = await runToEnd(first, anExperiment('whole'), 42);
    expect(job).toMatchObject({ state: 'finished', outcome: 'completed', seed: 42, pagesLost: 0, error: null });
    expect((await seen)[0]).toMatchObject({ id: job.id, runId: job.runId });
    const run = await second.call('runs.get', { id: job.runId! });
    expect(run).toMatchObject({ row: { name: 'whole', status: 'finished', sampleCount: 20_000 }, jobId: null });
    expect(run.summary?.outcome).toBe('completed');
  });

  it('goes on when the window that started it closes', async () => {
    const service = aService();
    const window = aClient(service);
    const { id } = await window.call('jobs.start', { from: { text: anExperiment('whole'), fileName: '' } });
    window.close();
    const jobs = await jobsUntil(aClient(service), (all) => all.some((job) => job.id === id && job.endedMs !== null));
    expect(jobs[0]).toMatchObject({ id, state: 'finished' });
  });

  it('can be watched from the middle: what was before, then what comes, no sample missing or twice', async () => {
    const service = aService();
    const client = aClient(service);
    const { id } = await client.call('jobs.start', { from: { text: anExperiment('long'), fileName: '' } });
    const [job] = await jobsUntil(client, ([first]) => (first?.progress?.simulatedNs ?? 0) > 3000);
    const early = watch(client, job!.runId!);
    await jobsUntil(client, ([first]) => (first?.progress?.simulatedNs ?? 0) > 30_000);
    // A window that is loaded anew.
    const reloaded = aClient(service);
    const late = watch(reloaded, job!.runId!);
    await new Promise((later) => setTimeout(later, 300));
    await client.call('jobs.cancel', { id });
    await Promise.all([early.ended, late.ended]);
    const run = await client.call('runs.get', { id: job!.runId! });
    expect(run.row).toMatchObject({ outcome: 'cancelled', status: 'finished' });
    for (const { envelopes, events, skipped } of [early, late]) {
      let next = 0;
      for (const { firstSample, sampleCount, fromNs } of envelopes) {
        expect(firstSample).toBe(next);
        // The stand-in's sample i is at (i + 1) µs.
        expect(fromNs[0]).toBe((firstSample + 1) * 1000);
        next += sampleCount;
      }
      expect(next).toBe(run.row.sampleCount);
      expect(events).toEqual(events.map((_, i) => i));
      expect(events.length + skipped()).toBe(run.row.eventCount);
    }
  });

  it('that is cancelled keeps what it has; one that waits is never begun', async () => {
    const service = aService({ threads: 1 });
    const client = aClient(service);
    const first = await client.call('jobs.start', { from: { text: anExperiment('long'), fileName: '' } });
    const second = await client.call('jobs.start', { from: { text: anExperiment('long'), fileName: '' } });
    expect([first.state, second.state]).toEqual(['running', 'queued']);
    await jobsUntil(client, (jobs) => jobs.some(({ progress }) => progress !== null));
    await client.call('jobs.cancel', { id: second.id });
    await client.call('jobs.cancel', { id: first.id });
    const ended = await jobsUntil(client, (jobs) => jobs.every(({ endedMs }) => endedMs !== null));
    expect(ended).toMatchObject([
      { id: second.id, state: 'cancelled', runId: null },
      { id: first.id, state: 'finished', outcome: 'cancelled' },
    ]);
    await expect(client.call('jobs.cancel', { id: first.id })).rejects.toMatchObject({ kind: 'conflict' });
    await expect(client.call('jobs.cancel', { id: 99 })).rejects.toMatchObject({ kind: 'absent' });
    expect((await client.call('runs.count', { filter: '' })).all).toBe(1);
  });

  it.each([
    ['throws', 'the simulation broke: a bug'],
    ['exits', 'the simulation broke'],
  ])('whose worker %s fails with the reason, and the run is marked', async (name, reason) => {
    const service = aService();
    const client = aClient(service);
    const job = await runToEnd(client, anExperiment(name));
    expect(job).toMatchObject({ state: 'failed', error: { kind: 'internal' } });
    expect(job.error?.message).toContain(reason);
    const { row } = await client.call('runs.get', { id: job.runId! });
    expect(row).toMatchObject({ status: 'failed' });
    // The pool has another thread for the next one.
    expect(await runToEnd(client, anExperiment('whole'))).toMatchObject({ state: 'finished' });
  });

  it('is refused with every problem and its place when the experiment is wrong', async () => {
    const client = aClient(aService());
    const text = 'name: x\nguest: {memory: 16G}\n';
    const started = client.call('jobs.start', { from: { text, fileName: 'mine.yaml' } });
    await expect(started).rejects.toMatchObject({
      kind: 'invalid-experiment',
      data: { problems: [{ file: 'mine.yaml', line: 2, path: 'guest.memory' }] },
    });
  });

  it('that would start QEMU is refused unless host and user allow it', async () => {
    const client = aClient(aService());
    const from = { text: anExperiment('measured', 'backend: qemu\n'), fileName: '' };
    await expect(client.call('jobs.start', { from, allowQemu: true })).rejects.toMatchObject({ kind: 'refused' });
  });

  it('can be made from a kept run again, with its seed', async () => {
    const client = aClient(aService());
    const first = await runToEnd(client, anExperiment('whole'), 7);
    const again = await client.call('jobs.start', { from: { runId: first.runId! } });
    expect(again).toMatchObject({ name: 'whole', seed: 7 });
    await jobsUntil(client, (jobs) => jobs.every(({ endedMs }) => endedMs !== null));
    const rows = await client.call('runs.list', {
      filter: '',
      sort: { column: 'id', descending: false },
      offset: 0,
      limit: 10,
      columns: ['guest.memory'],
    });
    expect(rows.runs.map(({ row, cells }) => [row.hash, cells['guest.memory']])).toEqual([
      [rows.runs[0]!.row.hash, 64 * 1024 * 1024],
      [rows.runs[0]!.row.hash, 64 * 1024 * 1024],
    ]);
  });

  it('is cancelled and kept when the service closes', async () => {
    const service = aService();
    const client = aClient(service);
    await client.call('jobs.start', { from: { text: anExperiment('long'), fileName: '' } });
    const [job] = await jobsUntil(client, ([first]) => first?.runId !== null);
    const ended = watch(client, job!.runId!).ended;
    await service.close();
    await ended;
  });
});
