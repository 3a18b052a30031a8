// What a subscription takes from: pulled when there is credit, so that nothing is made that nobody can take.
import type { HeatMap } from '../../engine/experiment/result.ts';
import type { Envelope } from '../contract/block.ts';
import type { TopicItem, TopicName } from '../contract/topics.ts';

export type FeedItem =
  { readonly item: TopicItem<TopicName> } | { readonly envelope: Envelope } | { readonly heat: HeatMap };

export interface Feed {
  /** The next thing to send; undefined: nothing at present. */
  next(): FeedItem | undefined;
  /** Whether nothing more will come once `next` has nothing. */
  readonly ended: boolean;
  close(): void;
}

/** Those that are to be told when there is something new. */
export class Bell {
  readonly #listeners = new Set<() => void>();

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  get heard(): boolean {
    return this.#listeners.size > 0;
  }

  ring(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** A feed of which only the newest state matters: what came between is never sent. */
export function stateFeed(bell: Bell, notify: () => void, read: () => TopicItem<TopicName>): Feed {
  let fresh = true;
  const stop = bell.listen(() => {
    fresh = true;
    notify();
  });
  return {
    ended: false,
    next() {
      if (!fresh) return undefined;
      fresh = false;
      return { item: read() };
    },
    close: stop,
  };
}
