// What a user adds to runs: names, tags, notes, the bin, the baseline. A run's result never changes.
import type Database from 'better-sqlite3';
import { readSetting, writeSetting } from './settings.ts';

const BASELINE = 'baseline';

/** Into the bin. A run that is being made stays; the ids that were really deleted are returned. */
export function deleteRuns(
  db: Database.Database,
  ids: readonly number[],
  nowMs: number,
  isRunning: (id: number) => boolean,
): number[] {
  const mark = db.prepare('UPDATE run SET deleted_ms = ? WHERE id = ? AND deleted_ms IS NULL');
  return inOne(db, () => ids.filter((id) => !isRunning(id) && mark.run(nowMs, id).changes > 0));
}

export function undeleteRuns(db: Database.Database, ids: readonly number[]): number[] {
  const mark = db.prepare('UPDATE run SET deleted_ms = NULL WHERE id = ? AND deleted_ms IS NOT NULL');
  return inOne(db, () => ids.filter((id) => mark.run(id).changes > 0));
}

/** Removes for good what has lain in the bin since before; returns how many. */
export function purgeRuns(db: Database.Database, beforeMs: number): number {
  const old = db.prepare('SELECT id FROM run WHERE deleted_ms < ?').pluck().all(beforeMs) as number[];
  const remove = db.prepare('DELETE FROM run WHERE id = ?');
  // One transaction a run: each may hold many chunks, and other processes want to write, too.
  for (const id of old) remove.run(id);
  db.prepare('DELETE FROM config WHERE id NOT IN (SELECT config_id FROM run WHERE config_id IS NOT NULL)').run();
  return old.length;
}

/** Tags are a set in the order in which they came. Returns false where a run is missing; then nothing is changed. */
export function tagRuns(
  db: Database.Database,
  ids: readonly number[],
  add: readonly string[],
  remove: readonly string[],
): boolean {
  const read = db.prepare('SELECT tags FROM run WHERE id = ?').pluck();
  const write = db.prepare('UPDATE run SET tags = ? WHERE id = ?');
  return inOne(db, () => {
    const before = ids.map((id) => read.get(id) as string | undefined);
    if (before.includes(undefined)) return false;
    for (const [i, id] of ids.entries()) {
      const tags = new Set(JSON.parse(before[i]!) as string[]);
      for (const tag of remove) tags.delete(tag);
      for (const tag of add) tags.add(tag);
      write.run(JSON.stringify([...tags]), id);
    }
    return true;
  });
}

export function noteRun(db: Database.Database, id: number, note: string): boolean {
  return db.prepare('UPDATE run SET note = ? WHERE id = ?').run(note, id).changes > 0;
}

export function renameRun(db: Database.Database, id: number, name: string): boolean {
  return db.prepare('UPDATE run SET name = ? WHERE id = ?').run(name, id).changes > 0;
}

/** Null: none, or the run is gone. */
export function baseline(db: Database.Database): number | null {
  const id = Number(readSetting(db, BASELINE) ?? 0);
  return db.prepare('SELECT id FROM run WHERE id = ? AND deleted_ms IS NULL').pluck().get(id) === undefined ? null : id;
}

export function setBaseline(db: Database.Database, id: number | null): void {
  writeSetting(db, BASELINE, id === null ? null : String(id));
}

function inOne<T>(db: Database.Database, work: () => T): T {
  return db.transaction(work).immediate();
}
