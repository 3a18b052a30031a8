// What the guest says over its serial line: "F" when its memory is filled, then "T <clock ms> <page writes>".

import { LineSplitter } from './qmp.ts';

export interface GuestReport {
  /** performance.now() when the line arrived. */
  readonly atMs: number;
  /** The guest's clock, ms since it finished filling; stands still while the machine is stopped. */
  readonly guestMs: number;
  /** Page writes since then. */
  readonly writes: number;
}

const REPORT = /^T ([0-9a-f]{8}) ([0-9a-f]{16})$/;
const LINE_BYTES_MAX = 4096;

export class GuestReports {
  readonly #lines = new LineSplitter(LINE_BYTES_MAX);
  readonly #wake = new Set<() => void>();
  /** performance.now() when the guest had filled its memory; its clock is 0 there. */
  filledAtMs: number | undefined;
  refused = false;
  closed = false;
  readonly all: GuestReport[] = [];

  push(chunk: Buffer): void {
    const atMs = performance.now();
    for (const line of this.#lines.push(chunk)) {
      // A line torn by the switch from source to destination, or firmware's chatter, is no report.
      const match = REPORT.exec(line);
      if (match !== null) {
        this.all.push({ atMs, guestMs: Number.parseInt(match[1]!, 16), writes: Number(BigInt(`0x${match[2]!}`)) });
      } else if (line === 'F') this.filledAtMs = atMs;
      else if (line === 'X') this.refused = true;
    }
    this.#notify();
  }

  close(): void {
    this.closed = true;
    this.#notify();
  }

  /** Resolves to true once `condition` holds, to false when time is up or the line is closed. */
  until(condition: (reports: GuestReports) => boolean, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (value: boolean): void => {
        clearTimeout(timer);
        this.#wake.delete(look);
        signal?.removeEventListener('abort', giveUp);
        resolve(value);
      };
      const giveUp = (): void => {
        settle(false);
      };
      const look = (): void => {
        if (condition(this)) settle(true);
        else if (this.closed) settle(false);
      };
      const timer = setTimeout(giveUp, timeoutMs);
      signal?.addEventListener('abort', giveUp);
      this.#wake.add(look);
      if (signal?.aborted === true) giveUp();
      else look();
    });
  }

  #notify(): void {
    for (const look of [...this.#wake]) look();
  }
}
