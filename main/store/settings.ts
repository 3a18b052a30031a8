// Small texts under names: what a window remembers, and the store's own.
import type Database from 'better-sqlite3';

export function readSetting(db: Database.Database, key: string): string | null {
  return (db.prepare('SELECT value FROM setting WHERE key = ?').pluck().get(key) as string | undefined) ?? null;
}

/** Null removes it. */
export function writeSetting(db: Database.Database, key: string, value: string | null): void {
  if (value === null) db.prepare('DELETE FROM setting WHERE key = ?').run(key);
  else
    db.prepare(
      'INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    ).run(key, value);
}
