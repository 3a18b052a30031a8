// Makes one run and keeps it: a producer (the pool of simulations, QEMU, an importer) on one side, the store on the other.
import type { Progress, RunSink } from '../../engine/experiment/result.ts';
import { fieldsOf } from './fields.ts';
import { HEARTBEAT_MS } from '../store/owner.ts';
import type { Store } from '../store/store.ts';
import type { NewRun, RunWriter } from '../store/writer.ts';

export interface ProducerOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Puts a run into the sink; resolves when it has called `finished`. Cancelled runs finish too, and say so. */
export type Producer = (sink: RunSink, options: ProducerOptions) => Promise<void>;

export type RunRequest = Omit<NewRun, 'head'>;

/** What a host may ask of a run that is being made. */
export interface BegunRun {
  /** Writes what is held, so that the store tells all that was reported. */
  flush(): void;
}

/** Resolves with the number of the kept run. A producer's error is kept with the run and thrown. */
export async function makeRun(
  store: Store,
  request: RunRequest,
  produce: Producer,
  options: ProducerOptions & { readonly onBegin?: (id: number, run: BegunRun) => void } = {},
): Promise<number> {
  let writer: RunWriter | undefined;
  const begun = (): RunWriter => {
    if (writer === undefined) throw new Error('a producer must begin with the head');
    return writer;
  };
  let ended = false;
  const heartbeat = setInterval(() => {
    try {
      writer?.heartbeat();
    } catch {
      // The writer has given up (disk full); the next sample or the end brings the error to light where it can be told.
    }
    if (ended && writer?.isSettled === true) clearInterval(heartbeat);
  }, HEARTBEAT_MS);
  try {
    await produce(
      {
        head(head) {
          writer = store.begin({ ...request, head, fields: request.fields ?? fieldsOf(request.experiment) });
          options.onBegin?.(writer.id, writer);
        },
        samples(chunk) {
          begun().samples(chunk);
        },
        event(event) {
          begun().event(event);
        },
        heat(map) {
          begun().heat(map);
        },
        finished(summary, expect, hash) {
          begun().finish(summary, expect, hash);
        },
      },
      options,
    );
    return begun().id;
  } catch (error) {
    writer?.fail(error instanceof Error ? error.message : String(error));
    throw error;
  } finally {
    ended = true;
    // A full disk may have room again later for how it ended; nobody waits for that.
    if (writer?.isSettled === false) heartbeat.unref();
    else clearInterval(heartbeat);
  }
}
