// Files on their way out of and into the service.
//
// Out: the window asks for an export and gets a ticket; the host redeems it once and makes the file in a thread of its own
// (main/export/exportStream.ts). In: the window sends a file in pieces, which are kept in a folder for temporary files until the
// last one is there; then it is read like a file that `brownout import` names. Whoever stops sending is forgotten.
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceError } from '../contract/errors.ts';
import { IMPORT_PIECE_BYTES, MAX_IMPORTS, TICKET_MS, type KeptRun } from '../contract/exports.ts';
import type { ExportJob } from '../export/exportStream.ts';
import type { ExportRequest } from '../export/formats.ts';
import { nameTogether } from '../export/together.ts';
import { readFileToImport } from '../import/files.ts';
import { ImportError } from '../import/problem.ts';
import type { Store } from '../store/store.ts';
import { absent } from './errors.ts';

const MAX_TICKETS = 256;
/** A file of which nothing came for so long will not come any more. */
const IMPORT_IDLE_MS = 120_000;

interface Incoming {
  readonly fileName: string;
  readonly bytes: number;
  readonly folder: string;
  got: number;
  forget: NodeJS.Timeout;
}

export class Files {
  readonly #store: Store;
  readonly #tickets = new Map<string, { readonly job: ExportJob; readonly untilMs: number }>();
  readonly #incoming = new Map<number, Incoming>();
  #lastId = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  ticketFor(ids: readonly number[], request: ExportRequest): { ticket: string; fileName: string } {
    const now = performance.now();
    for (const [ticket, { untilMs }] of this.#tickets) if (untilMs < now) this.#tickets.delete(ticket);
    if (this.#tickets.size >= MAX_TICKETS)
      throw new ServiceError({ kind: 'too-much', message: 'too many exports wait' });
    for (const id of ids) this.#expectWhole(id, request);
    const fileName = nameTogether(this.#store, ids, request);
    const ticket = randomBytes(32).toString('base64url');
    const job = { storeFile: this.#store.file, ids, request, fileName };
    this.#tickets.set(ticket, { job, untilMs: now + TICKET_MS });
    return { ticket, fileName };
  }

  /** Once: the ticket is worth nothing afterwards. */
  redeem(ticket: string): ExportJob | undefined {
    const found = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    return found === undefined || found.untilMs < performance.now() ? undefined : found.job;
  }

  begin(fileName: string, bytes: number): number {
    if (this.#incoming.size >= MAX_IMPORTS) {
      throw new ServiceError({ kind: 'too-much', message: `${MAX_IMPORTS} files are on their way already` });
    }
    const folder = mkdtempSync(join(tmpdir(), 'brownout-import-'));
    writeFileSync(join(folder, 'file'), '', { mode: 0o600 });
    const id = ++this.#lastId;
    this.#incoming.set(id, { fileName, bytes, folder, got: 0, forget: this.#forgetLater(id) });
    return id;
  }

  add(id: number, at: number, base64: string): void {
    const file = this.#found(id);
    const piece = Buffer.from(base64, 'base64');
    if (at !== file.got || piece.length > IMPORT_PIECE_BYTES || file.got + piece.length > file.bytes) {
      this.drop(id);
      throw new ServiceError({ kind: 'conflict', message: `${file.fileName} came in pieces that do not fit together` });
    }
    try {
      appendFileSync(join(file.folder, 'file'), piece);
    } catch (error) {
      this.drop(id);
      throw new ServiceError({
        kind: 'store',
        message: `${file.fileName} cannot be held: ${(error as Error).message}`,
      });
    }
    file.got += piece.length;
    clearTimeout(file.forget);
    file.forget = this.#forgetLater(id);
  }

  async finish(id: number): Promise<KeptRun[]> {
    const { fileName, folder, got, bytes, forget } = this.#found(id);
    clearTimeout(forget);
    this.#incoming.delete(id);
    try {
      if (got !== bytes) throw new ImportError(fileName, {}, `only ${got} of its ${bytes} bytes arrived`);
      const kept: KeptRun[] = [];
      const read = await readFileToImport(join(folder, 'file'), undefined, fileName);
      for await (const run of read.keep(this.#store, { again: false })) kept.push(run);
      return kept;
    } catch (error) {
      if (!(error instanceof ImportError)) throw error;
      throw new ServiceError({ kind: 'conflict', message: error.message });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  drop(id: number): void {
    const file = this.#incoming.get(id);
    if (file === undefined) return;
    clearTimeout(file.forget);
    this.#incoming.delete(id);
    rmSync(file.folder, { recursive: true, force: true });
  }

  close(): void {
    for (const id of [...this.#incoming.keys()]) this.drop(id);
    this.#tickets.clear();
  }

  #found(id: number): Incoming {
    const file = this.#incoming.get(id);
    if (file === undefined) throw absent(`file ${id} on its way`);
    return file;
  }

  #forgetLater(id: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.drop(id);
    }, IMPORT_IDLE_MS).unref();
  }

  /** What would only come out while the file is made is said now. */
  #expectWhole(id: number, { format }: ExportRequest): void {
    const { row } = this.#store.run(id);
    if (format === 'bundle' && row.status === 'running') {
      throw new ServiceError({
        kind: 'conflict',
        message: `run ${id} is being made: a bundle holds runs that have ended`,
      });
    }
  }
}
