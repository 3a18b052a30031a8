// What a migration tells of itself, in the words of a run: phases, stop and resume, how it ended.

import type { EmitEvent } from '../core/ports.ts';
import type { Xbzrle } from './xbzrle.ts';

export class Chronicle {
  readonly #emit: EmitEvent;

  constructor(emit: EmitEvent) {
    this.#emit = emit;
  }

  phase(text: string, fromNs: number, toNs: number): void {
    if (toNs < fromNs) return;
    this.#emit({ timeNs: fromNs, durationNs: toNs - fromNs, kind: 'phase', text, detail: {} });
  }

  stopped(nowNs: number, pagesLeft: number, thresholdBytes: number): void {
    const detail = { left: pagesLeft, thresholdBytes: Math.round(thresholdBytes) };
    this.#emit({ timeNs: nowNs, durationNs: 0, kind: 'stop', text: 'guest stopped', detail });
  }

  resumed(nowNs: number, text: string, detail: { readonly blackoutNs?: number }): void {
    this.#emit({ timeNs: nowNs, durationNs: 0, kind: 'resume', text, detail });
  }

  recovered(nowNs: number, pagesLeft: number): void {
    const detail = { left: pagesLeft };
    this.#emit({ timeNs: nowNs, durationNs: 0, kind: 'note', text: 'post-copy recovered', detail });
  }

  gaveUp(nowNs: number, end: 'cancelled' | 'timed out' | 'failed', why: string): void {
    const text = why === '' ? end : `${end}: ${why}`;
    this.#emit({ timeNs: nowNs, durationNs: 0, kind: end === 'failed' ? 'error' : 'note', text, detail: {} });
  }

  encoded(nowNs: number, { pages, bytes, misses, overflows, unchanged }: Xbzrle): void {
    const text = `XBZRLE: ${pages} hits in ${bytes} bytes, ${misses} misses`;
    const detail = { pages, bytes, misses, overflows, unchanged };
    this.#emit({ timeNs: nowNs, durationNs: 0, kind: 'note', text, detail });
  }
}
