// What carries messages between a client and a host: texts (frames.ts) and binary frames (block.ts), in order, each whole.

/** One end. A transport calls no handler after `closed`, and `closed` once. */
export interface Transport {
  send(message: string | ArrayBuffer): void;
  /** To be called once, before anything can arrive. */
  start(handlers: TransportHandlers): void;
  close(): void;
}

export interface TransportHandlers {
  message(message: string | ArrayBuffer): void;
  /** The other end is gone, or this one was closed; `why` is a sentence for a person. */
  closed(why: string): void;
}

/** The two ends of a transport inside one process. Messages arrive in a later turn, as they do elsewhere. */
export function transportPair(): [Transport, Transport] {
  const ends = [new LocalEnd(), new LocalEnd()] as const;
  ends[0].peer = ends[1];
  ends[1].peer = ends[0];
  return [ends[0], ends[1]];
}

class LocalEnd implements Transport {
  peer: LocalEnd | undefined;
  #handlers: TransportHandlers | undefined;
  #waiting: (string | ArrayBuffer)[] = [];
  #closed = false;

  start(handlers: TransportHandlers): void {
    this.#handlers = handlers;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) this.#deliver(message);
  }

  send(message: string | ArrayBuffer): void {
    if (!this.#closed) this.peer?.receive(message);
  }

  close(): void {
    if (this.#closed) return;
    this.#end('closed');
    // After what was sent before.
    const { peer } = this;
    void Promise.resolve().then(() => {
      if (peer !== undefined) peer.#end('the other end was closed');
    });
  }

  receive(message: string | ArrayBuffer): void {
    if (this.#handlers === undefined) this.#waiting.push(message);
    else this.#deliver(message);
  }

  #end(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    void Promise.resolve().then(() => this.#handlers?.closed(why));
  }

  #deliver(message: string | ArrayBuffer): void {
    void Promise.resolve().then(() => {
      if (!this.#closed) this.#handlers?.message(message);
    });
  }
}
