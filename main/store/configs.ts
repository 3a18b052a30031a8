// The experiment of a run in a form that can be asked: its fields as JSONB, shared by runs that differ in their seed alone.
import type Database from 'better-sqlite3';
import { createHash } from 'node:crypto';

/** What is known of a run's experiment besides its text; made by main/runs/fields.ts. */
export interface RunFields {
  /** JSON text without seed, name and prose; null where the text is no experiment of ours. */
  readonly config: string | null;
}

export function textHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function setFields(db: Database.Database, id: number, experiment: string, { config }: RunFields): void {
  let configId: number | null = null;
  if (config !== null) {
    const hash = textHash(config);
    db.prepare('INSERT INTO config (hash, json) VALUES (?, jsonb(?)) ON CONFLICT (hash) DO NOTHING').run(hash, config);
    configId = db.prepare('SELECT id FROM config WHERE hash = ?').pluck().get(hash) as number;
  }
  db.prepare('UPDATE run SET text_hash = ?, config_id = ? WHERE id = ?').run(textHash(experiment), configId, id);
}

/** Runs that nobody has looked at yet: of an older format, or of a producer that did not say. */
export function runsWithoutFields(
  db: Database.Database,
  limit: number,
): { readonly id: number; readonly experiment: string }[] {
  return db
    .prepare(
      'SELECT run.id AS id, experiment FROM run JOIN run_document ON run_id = run.id WHERE text_hash IS NULL ORDER BY run.id LIMIT ?',
    )
    .all(limit) as { id: number; experiment: string }[];
}

/** The newest run of each experiment text, the newest first. */
export function recentExperiments(
  db: Database.Database,
  limit: number,
): { readonly runId: number; readonly name: string; readonly fileName: string; readonly createdMs: number }[] {
  return db
    .prepare(
      `SELECT id AS runId, name, file_name AS fileName, created_ms AS createdMs FROM run
       WHERE id IN (SELECT max(id) FROM run WHERE deleted_ms IS NULL AND text_hash IS NOT NULL AND source_kind <> 'import' GROUP BY text_hash)
       ORDER BY id DESC LIMIT ?`,
    )
    .all(limit) as { runId: number; name: string; fileName: string; createdMs: number }[];
}

/** The newest finished run of exactly this text. */
export function newestRunOf(db: Database.Database, experiment: string): number | null {
  return db
    .prepare("SELECT max(id) FROM run WHERE text_hash = ? AND status = 'finished' AND deleted_ms IS NULL")
    .pluck()
    .get(textHash(experiment)) as number | null;
}
