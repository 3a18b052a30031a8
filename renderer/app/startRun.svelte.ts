// Starts an experiment and goes to its run as soon as there is one to look at.
import type { Job } from '../../main/contract/jobs.ts';
import type { Params } from '../../main/contract/methods.ts';
import { call, host } from './host.svelte.ts';
import { navigate } from './router.svelte.ts';

/** Rejects where the experiment is refused, or its job ended without a run. */
export async function startRun(params: Params<'jobs.start'>): Promise<void> {
  const job = await call('jobs.start', params);
  navigate('run', [job.runId ?? (await runOf(job.id))]);
}

/** A queued job has no run yet: the list of jobs tells when it has. */
function runOf(jobId: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const stop = $effect.root(() => {
      $effect(() => {
        const job: Job | undefined = host.jobs.find(({ id }) => id === jobId);
        if (job === undefined || (job.runId === null && job.endedMs === null)) return;
        if (job.runId !== null) resolve(job.runId);
        else reject(new Error(job.error?.message ?? `the experiment was ${job.state} before it began`));
        // Not from within the effect itself.
        queueMicrotask(() => {
          stop();
        });
      });
    });
  });
}
