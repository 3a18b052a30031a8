import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../../main/contract/block.ts';
import { BROKEN } from '../../../main/service/core.ts';
import { anExperiment, jobsUntil, runToEnd } from '../service/aService.ts';
import { aHost, aWindow } from './aHost.ts';

describe('windows of one host', () => {
  it('see the same jobs and runs; a window that is loaded anew goes on watching', async () => {
    const host = await aHost();
    const [first, second] = [aWindow(host), aWindow(host)];
    const { id } = await first.call('jobs.start', { from: { text: anExperiment('long'), fileName: '' } });
    const [job] = await jobsUntil(second, ([one]) => one?.runId !== null && (one?.progress?.simulatedNs ?? 0) > 5000);
    first.close();
    const again = aWindow(host);
    const envelopes: Envelope[] = [];
    const ended = new Promise((end) => {
      again.subscribe(
        'live',
        { runId: job!.runId!, series: ['dirty.device.nic0'], points: 200, fromEvent: 0 },
        { item: () => undefined, envelope: (envelope) => envelopes.push(envelope), end },
      );
    });
    await second.call('jobs.cancel', { id });
    expect(await ended).toBeNull();
    const { row } = await again.call('runs.get', { id: job!.runId! });
    expect(row.outcome).toBe('cancelled');
    expect(envelopes.reduce((sum, { sampleCount }) => sum + sampleCount, 0)).toBe(row.sampleCount);
    const series = await again.call('runs.series', {
      ...{ id: row.id, series: ['dirty.device.nic0'], fromNs: 0, toNs: 1e12, points: 100 },
    });
    expect(series.sampleCount).toBe(row.sampleCount);
  });

  it('survive that the engine’s thread breaks: the run is marked, and a new thread serves them', async () => {
    const host = await aHost();
    const window = aWindow(host);
    await window.call('jobs.start', { from: { text: anExperiment('long'), fileName: '' } });
    const [job] = await jobsUntil(window, ([one]) => one?.runId !== null);
    const lost = window.call('runs.count', { filter: '' });
    const outcome = lost.then(
      () => 'answered',
      (error: unknown) => (error as { kind: string }).kind,
    );
    await host.core.breakNow();
    expect(await window.closed).toBe('the connection to Brownout was lost');
    expect(['answered', 'unavailable']).toContain(await outcome);
    // As a window does: again and again until the host answers.
    const again = await (async () => {
      for (;;) {
        const client = aWindow(host);
        if (
          await client.ready.then(
            () => true,
            () => false,
          )
        ) {
          return client;
        }
        await new Promise((later) => setTimeout(later, 50));
      }
    })();
    expect((await again.call('runs.get', { id: job!.runId! })).row).toMatchObject({
      status: 'failed',
      failure: BROKEN,
    });
    expect(await runToEnd(again, anExperiment('whole'))).toMatchObject({ state: 'finished' });
  });

  it('are told when another process writes to the store', async () => {
    const { Store } = await import('../../../main/store/store.ts');
    const { aRun } = await import('../store/aRun.ts');
    const host = await aHost();
    const window = aWindow(host);
    const changed = new Promise<void>((resolve) => {
      let heard = 0;
      window.subscribe(
        'runs',
        {},
        {
          item() {
            heard++;
            if (heard === 2) resolve();
          },
        },
      );
    });
    await window.call('runs.count', { filter: '' });
    const other = new Store(host.storeFile);
    other.begin(aRun('of another process'));
    await changed;
    other.close();
    expect(await window.call('runs.count', { filter: 'another' })).toEqual({ count: 1, all: 1 });
  });
});
