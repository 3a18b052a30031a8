// What a thread of the pool runs: the engine's simulation, served as a job.
import { createSimulation } from '../../engine/experiment/simulate.ts';
import { serveJob } from './job.ts';
import type { JobTask } from './protocol.ts';

export default (task: JobTask): void => {
  serveJob(task, createSimulation);
};
