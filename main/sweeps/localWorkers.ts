// The workers of a sweep on this machine: threads for simulations, and QEMU one at a time (two would measure each other).
import { availableParallelism } from 'node:os';
import type { Producer } from '../runs/makeRun.ts';
import { SimulationPool } from '../workers/pool.ts';
import type { PointWork, SweepWorkers } from './runSweep.ts';

export interface LocalWorkersOptions {
  /** Simulations at the same time; default: as many as there are cores. */
  readonly threads?: number;
  readonly allowQemu?: boolean;
}

export class LocalWorkers implements SweepWorkers {
  readonly concurrency: number;
  readonly #pool: SimulationPool;
  readonly #allowQemu: boolean;
  #qemu: Promise<void> = Promise.resolve();

  constructor({ threads = availableParallelism(), allowQemu = false }: LocalWorkersOptions = {}) {
    this.concurrency = threads;
    this.#pool = new SimulationPool({ threads });
    this.#allowQemu = allowQemu;
  }

  async producerOf({ experiment }: PointWork): Promise<Producer> {
    if (experiment.backend === 'sim') return (sink, options) => this.#pool.run(experiment, sink, options);
    const { runInQemu } = await import('../qemu/run.ts');
    return (sink, options) => {
      const run = this.#qemu.then(() => runInQemu(experiment, sink, { ...options, allowQemu: this.#allowQemu }));
      this.#qemu = run.catch(() => undefined);
      return run;
    };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
