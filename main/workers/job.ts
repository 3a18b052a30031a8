// The worker's end of a job: advances a simulation in slices of some ten milliseconds, looks at the stop flag between them,
// and sends what comes out in bounded messages. How it slices and how often it tells progress never changes a result.
import type { MessagePort } from 'node:worker_threads';
import type { HeatMap, RunEvent, RunSink, SampleChunk } from '../../engine/experiment/result.ts';
import {
  CREDIT,
  MAX_MESSAGE_EVENTS,
  MAX_MESSAGE_VALUES,
  STOP,
  type CreateSimulation,
  type JobMessage,
  type JobTask,
} from './protocol.ts';

const SLICE_MS = 10;
const FIRST_SLICE_EVENTS = 16;
const MAX_SLICE_EVENTS = 10_000_000;
/** Samples and events wait at most so long for company before they are sent. */
const GATHER_MS = 100;
/** A heat map is as large as minutes of samples: it is told less often. */
const HEAT_MS = 500;

export function serveJob(task: JobTask, create: CreateSimulation): void {
  const control = new Int32Array(task.control);
  const sender = new Sender(task.port, control);
  try {
    const simulation = create(task.experiment, sender);
    let events = FIRST_SLICE_EVENTS;
    let told = performance.now();
    let gathered = told;
    let heated = told;
    let cancelled = false;
    for (;;) {
      if (!cancelled && Atomics.load(control, STOP) !== 0) {
        cancelled = true;
        simulation.cancel();
      }
      const from = performance.now();
      if (simulation.advance(events)) break;
      const now = performance.now();
      // What an event costs varies by four orders of magnitude: grow with care, shrink at once.
      const growth = Math.min(2, SLICE_MS / Math.max(0.01, now - from));
      events = Math.max(1, Math.min(Math.ceil(events * growth), MAX_SLICE_EVENTS));
      if (now - told >= task.progressMs) {
        sender.progress(simulation.progress());
        told = now;
      }
      if (now - gathered >= GATHER_MS) {
        simulation.deliver();
        sender.send();
        gathered = now;
      }
      if (now - heated >= HEAT_MS) {
        simulation.deliverHeat();
        heated = now;
      }
    }
  } finally {
    // The host sees the port close after everything that was sent: that is the end of the job.
    task.port.close();
  }
}

/** Gathers what the simulation reports into messages of bounded size, each paid for with a credit. */
class Sender implements RunSink {
  readonly #port: MessagePort;
  readonly #control: Int32Array;
  #capacity = 0;
  #times = new Float64Array(0);
  #columns: Float64Array[] = [];
  #gathered = 0;
  #nextIndex = 0;
  #events: RunEvent[] = [];

  constructor(port: MessagePort, control: Int32Array) {
    this.#port = port;
    this.#control = control;
  }

  head(head: Parameters<RunSink['head']>[0]): void {
    this.#capacity = Math.max(1, Math.floor(MAX_MESSAGE_VALUES / (head.series.length + 1)));
    this.#columns = head.series.map(() => new Float64Array(0));
    this.#post({ kind: 'head', head });
    this.#newBuffers();
  }

  samples(chunk: SampleChunk): void {
    for (let from = 0; from < chunk.count;) {
      const count = Math.min(chunk.count - from, this.#capacity - this.#gathered);
      this.#times.set(chunk.timesNs.subarray(from, from + count), this.#gathered);
      for (const [i, column] of this.#columns.entries()) {
        const source = chunk.columns[i];
        if (source === undefined) throw new Error('a chunk must hold every column');
        column.set(source.subarray(from, from + count), this.#gathered);
      }
      this.#gathered += count;
      from += count;
      if (this.#gathered === this.#capacity) this.#sendSamples();
    }
  }

  event(event: RunEvent): void {
    this.#events.push(event);
    if (this.#events.length >= MAX_MESSAGE_EVENTS) this.#sendEvents();
  }

  heat(map: HeatMap): void {
    const arrays = [map.edgesNs, ...map.layers.map(({ pages }) => pages)];
    // After what was measured before it.
    this.send();
    this.#post(
      { kind: 'heat', map },
      arrays.map(({ buffer }) => buffer as ArrayBuffer),
    );
  }

  finished(...[summary, expect, hash]: Parameters<RunSink['finished']>): void {
    this.send();
    this.#post({ kind: 'finished', summary, expect, hash });
  }

  progress(progress: Extract<JobMessage, { kind: 'progress' }>['progress']): void {
    this.#port.postMessage({ kind: 'progress', progress } satisfies JobMessage);
  }

  /** Sends what is gathered. */
  send(): void {
    this.#sendSamples();
    this.#sendEvents();
  }

  #sendSamples(): void {
    if (this.#gathered === 0) return;
    const count = this.#gathered;
    const whole = count === this.#capacity;
    const cut = (values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> =>
      whole ? values : values.slice(0, count);
    const timesNs = cut(this.#times);
    const columns = this.#columns.map((column) => cut(column as Float64Array<ArrayBuffer>));
    const chunk: SampleChunk = { firstIndex: this.#nextIndex, count, timesNs, columns };
    this.#nextIndex += count;
    this.#gathered = 0;
    this.#post({ kind: 'samples', chunk }, [timesNs.buffer, ...columns.map(({ buffer }) => buffer)]);
    if (whole) this.#newBuffers();
  }

  #sendEvents(): void {
    if (this.#events.length === 0) return;
    this.#post({ kind: 'events', events: this.#events });
    this.#events = [];
  }

  #newBuffers(): void {
    this.#times = new Float64Array(this.#capacity);
    this.#columns = this.#columns.map(() => new Float64Array(this.#capacity));
  }

  #post(message: JobMessage, transfer: ArrayBuffer[] = []): void {
    takeCredit(this.#control);
    this.#port.postMessage(message, transfer);
  }
}

/** Waits for the host where there is no credit left. Ends with the process, or with the thread, at the latest. */
function takeCredit(control: Int32Array): void {
  for (;;) {
    const credit = Atomics.load(control, CREDIT);
    if (credit <= 0) Atomics.wait(control, CREDIT, credit);
    else if (Atomics.compareExchange(control, CREDIT, credit, credit - 1) === credit) return;
  }
}
