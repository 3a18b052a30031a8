// Files on their way out of and into the service.
//
// Out: the window asks for an export and gets a ticket; the host redeems it once and makes the file in a thread of its own
// (main/export/exportStream.ts), or has it saved where the user wants it. In: the window sends a file in pieces, which are kept
// in a folder for temporary files until the last one is there; a host that has the file on this machine offers it by its path
// instead. Then it is read like a file that `brownout import` names. What nobody goes on with is forgotten.
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceError } from '../contract/errors.ts';
import { EXPORT_FORMATS, IMPORT_PIECE_BYTES, MAX_IMPORTS, TICKET_MS, type KeptRun } from '../contract/exports.ts';
import { REPORT_FORMATS, type ReportFileParams } from '../contract/report.ts';
import { exportStream, type ExportJob, type ReportJob } from '../export/exportStream.ts';
import { ExportError, writeFileWhole } from '../export/target.ts';
import type { ExportRequest } from '../export/formats.ts';
import { nameTogether } from '../export/together.ts';
import { readFileToImport } from '../import/files.ts';
import { ImportError } from '../import/problem.ts';
import { reportFileName } from '../report/ofStore.ts';
import { forPaper } from '../report/paper.ts';
import type { Store } from '../store/store.ts';
import { absent } from './errors.ts';

const MAX_TICKETS = 256;
/** A file of which nothing came for so long will not come any more. */
const IMPORT_IDLE_MS = 120_000;

interface Incoming {
  readonly fileName: string;
  /** All that will come. */
  readonly bytes: number;
  readonly path: string;
  /** A folder of its own, removed in the end; undefined: the user's file, which stays as it is. */
  readonly folder: string | undefined;
  got: number;
  forget: NodeJS.Timeout;
}

export class Files {
  readonly #store: Store;
  readonly #tickets = new Map<string, { readonly job: ExportJob; readonly untilMs: number }>();
  readonly #incoming = new Map<number, Incoming>();
  readonly #saving = new Set<Promise<number>>();
  readonly #closing = new AbortController();
  #lastId = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  ticketFor(ids: readonly number[], request: ExportRequest): { ticket: string; fileName: string } {
    for (const id of ids) this.#expectWhole(id, request);
    const fileName = nameTogether(this.#store, ids, request);
    const mediaType = fileName.endsWith('.zip') ? 'application/zip' : EXPORT_FORMATS[request.format].mediaType;
    return this.#ticket({ storeFile: this.#store.file, of: { ids, request }, fileName, mediaType });
  }

  ticketForReport(report: ReportFileParams): { ticket: string; fileName: string } {
    for (const id of report.ids) this.#store.run(id);
    const { mediaType } = REPORT_FORMATS[report.format];
    return this.#ticket({ storeFile: this.#store.file, of: { report }, fileName: reportFileName(report), mediaType });
  }

  #ticket(job: ExportJob): { ticket: string; fileName: string } {
    const now = performance.now();
    for (const [ticket, { untilMs }] of this.#tickets) if (untilMs < now) this.#tickets.delete(ticket);
    if (this.#tickets.size >= MAX_TICKETS)
      throw new ServiceError({ kind: 'too-much', message: 'too many exports wait' });
    const ticket = randomBytes(32).toString('base64url');
    this.#tickets.set(ticket, { job, untilMs: now + TICKET_MS });
    return { ticket, fileName: job.fileName };
  }

  /** Once: the ticket is worth nothing afterwards. */
  redeem(ticket: string): ExportJob | undefined {
    const found = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    return found === undefined || found.untilMs < performance.now() ? undefined : found.job;
  }

  /** Writes the file, whole or not at all, over what is there: the user was asked. Resolves with its bytes. */
  async save(job: ExportJob, path: string): Promise<number> {
    const writing = writeFileWhole(path, exportStream(job), { force: true, signal: this.#closing.signal });
    this.#saving.add(writing);
    try {
      return await writing;
    } catch (error) {
      if (!(error instanceof ExportError)) throw error;
      throw new ServiceError({
        kind: error.kind === 'interrupted' ? 'unavailable' : 'conflict',
        message: error.message,
      });
    } finally {
      this.#saving.delete(writing);
    }
  }

  /** The page of a report as it is printed: without the bundles, which no paper holds. */
  async page(job: ReportJob): Promise<string> {
    const report: ReportFileParams = { ...job.of.report, format: 'html', bundles: false };
    const pieces: Uint8Array[] = [];
    for await (const piece of exportStream({ ...job, of: { report } })) {
      if (this.#closing.signal.aborted) throw new ServiceError({ kind: 'unavailable', message: 'Brownout is closing' });
      pieces.push(piece);
    }
    return forPaper(Buffer.concat(pieces).toString());
  }

  begin(fileName: string, bytes: number): number {
    if (this.#incoming.size >= MAX_IMPORTS) {
      throw new ServiceError({ kind: 'too-much', message: `${MAX_IMPORTS} files are on their way already` });
    }
    const folder = mkdtempSync(join(tmpdir(), 'brownout-import-'));
    const path = join(folder, 'file');
    writeFileSync(path, '', { mode: 0o600 });
    return this.#expect({ fileName, bytes, path, folder });
  }

  /** A file of the user's on this machine; `finish` reads it and says what is wrong with it. */
  offer(path: string, fileName: string): number {
    return this.#expect({ fileName, bytes: 0, path, folder: undefined });
  }

  add(id: number, at: number, base64: string): void {
    const file = this.#found(id);
    const piece = Buffer.from(base64, 'base64');
    if (
      file.folder === undefined ||
      at !== file.got ||
      piece.length > IMPORT_PIECE_BYTES ||
      file.got + piece.length > file.bytes
    ) {
      this.drop(id);
      throw new ServiceError({ kind: 'conflict', message: `${file.fileName} came in pieces that do not fit together` });
    }
    try {
      appendFileSync(file.path, piece);
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
    const { fileName, path, folder, got, bytes, forget } = this.#found(id);
    clearTimeout(forget);
    this.#incoming.delete(id);
    try {
      if (got !== bytes) throw new ImportError(fileName, {}, `only ${got} of its ${bytes} bytes arrived`);
      const kept: KeptRun[] = [];
      const read = await readFileToImport(path, undefined, fileName);
      for await (const run of read.keep(this.#store, { again: false })) kept.push(run);
      return kept;
    } catch (error) {
      if (!(error instanceof ImportError)) throw error;
      throw new ServiceError({ kind: 'conflict', message: error.message });
    } finally {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    }
  }

  drop(id: number): void {
    const file = this.#incoming.get(id);
    if (file === undefined) return;
    clearTimeout(file.forget);
    this.#incoming.delete(id);
    if (file.folder !== undefined) rmSync(file.folder, { recursive: true, force: true });
  }

  /** What is being saved is given up and leaves nothing behind. */
  async close(): Promise<void> {
    for (const id of [...this.#incoming.keys()]) this.drop(id);
    this.#tickets.clear();
    this.#closing.abort();
    await Promise.allSettled(this.#saving);
  }

  #expect(file: Omit<Incoming, 'got' | 'forget'>): number {
    const id = ++this.#lastId;
    this.#incoming.set(id, { ...file, got: 0, forget: this.#forgetLater(id) });
    return id;
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
