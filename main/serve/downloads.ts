// Hands out what `exports.open` gave a ticket for: once, within its time, as a file for the browser to keep.
//
// The ticket is 256 random bits that the window got over its own connection, so the address needs no token; it is worth nothing
// after the first use. What goes wrong while the file is made ends the connection, so that the browser shows a failed download
// and not a short file.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { exportStream, type ExportJob } from '../export/exportStream.ts';

export type Redeem = (ticket: string) => Promise<ExportJob | undefined>;

/** Files that are made at the same time: each has a thread. */
const MAX_DOWNLOADS = 4;
const TICKET = /^[A-Za-z0-9_-]{43}$/u;

export class Downloads {
  readonly #redeem: Redeem;
  #running = 0;

  constructor(redeem: Redeem) {
    this.#redeem = redeem;
  }

  /** `refuse` answers with a status and a sentence. */
  async answer(
    ticket: string,
    request: IncomingMessage,
    response: ServerResponse,
    refuse: (status: number, text: string) => void,
  ): Promise<void> {
    if (request.method !== 'GET') {
      response.setHeader('Allow', 'GET');
      refuse(405, 'Only GET.');
      return;
    }
    if (this.#running >= MAX_DOWNLOADS) {
      refuse(503, 'Other exports are being made: try again in a moment.');
      return;
    }
    this.#running++;
    try {
      const job = TICKET.test(ticket) ? await this.#redeem(ticket) : undefined;
      if (job === undefined) refuse(404, 'This export was fetched before, or too late: export it again.');
      else await this.#send(job, response);
    } catch {
      // Nothing more can be said: the head is away, or the window is.
      response.destroy();
    } finally {
      this.#running--;
    }
  }

  async #send(job: ExportJob, response: ServerResponse): Promise<void> {
    response.writeHead(200, {
      'Content-Type': job.mediaType,
      'Content-Disposition': attachment(job.fileName),
      'Cache-Control': 'no-store',
    });
    await pipeline(exportStream(job), response);
  }
}

/** RFC 6266: a name in ASCII for the old, the true one for all others. */
export function attachment(fileName: string): string {
  const ascii = fileName.replaceAll(/[^\w.-]/gu, '_');
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encodeURIComponent(fileName).replaceAll(/['()*]/gu, escaped)}`;
}

const escaped = (letter: string): string => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
