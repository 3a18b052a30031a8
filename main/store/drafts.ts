// Experiments that are being written: kept at each change, so that nothing typed is ever lost.
import type Database from 'better-sqlite3';
import * as z from 'zod';
import { readRow } from './rows.ts';

export interface StoredDraft {
  readonly id: number;
  readonly name: string;
  readonly text: string;
  readonly fileName: string;
  readonly updatedMs: number;
}

const rowSchema = z.object({
  id: z.number(),
  name: z.string(),
  text: z.string(),
  file_name: z.string(),
  updated_ms: z.number(),
});

/** The last changed first. */
export function listDrafts(db: Database.Database, file: string): StoredDraft[] {
  return db
    .prepare('SELECT * FROM draft ORDER BY updated_ms DESC, id DESC')
    .all()
    .map((row) => toDraft(file, row));
}

/**
 * A new one where `id` is null; undefined where the one that is meant is gone. Its time grows with every change, also within a
 * millisecond, so that it tells one state from another.
 */
export function saveDraft(
  db: Database.Database,
  file: string,
  id: number | null,
  draft: { readonly name: string; readonly text: string; readonly fileName: string },
  nowMs: number,
): StoredDraft | undefined {
  const row =
    id === null
      ? db
          .prepare('INSERT INTO draft (name, text, file_name, updated_ms) VALUES (?, ?, ?, ?) RETURNING *')
          .get(draft.name, draft.text, draft.fileName, nowMs)
      : db
          .prepare(
            'UPDATE draft SET name = ?, text = ?, file_name = ?, updated_ms = max(?, updated_ms + 1) WHERE id = ? RETURNING *',
          )
          .get(draft.name, draft.text, draft.fileName, nowMs, id);
  return row === undefined ? undefined : toDraft(file, row);
}

export function draftUpdatedMs(db: Database.Database, id: number): number | undefined {
  return db.prepare('SELECT updated_ms FROM draft WHERE id = ?').pluck().get(id) as number | undefined;
}

export function deleteDraft(db: Database.Database, id: number): boolean {
  return db.prepare('DELETE FROM draft WHERE id = ?').run(id).changes > 0;
}

function toDraft(file: string, raw: unknown): StoredDraft {
  const { id, name, text, file_name, updated_ms } = readRow(file, rowSchema, raw);
  return { id, name, text, fileName: file_name, updatedMs: updated_ms };
}
