// A run's status as SQL sees it. Whether the process that makes a run still lives is no fact of the file: SQLite asks us.
import type Database from 'better-sqlite3';
import { isAlive } from './owner.ts';

export const STATUS_SQL =
  'brownout_status(run.status, run.owner_host, run.owner_pid, run.owner_start, run.heartbeat_ms)';

/** An answer is believed for this long: a filter asks once for each owner, not once for each of its runs. */
const BELIEVED_MS = 1000;

export function knowStatus(db: Database.Database, clock: () => number): void {
  const answers = new Map<string, boolean>();
  let asOf = -Infinity;
  db.function(
    'brownout_status',
    { deterministic: false },
    (status: unknown, host: unknown, pid: unknown, start: unknown, heartbeat: unknown) => {
      if (status !== 'running') return status;
      const now = clock();
      if (Math.abs(now - asOf) > BELIEVED_MS) {
        answers.clear();
        asOf = now;
      }
      const key = JSON.stringify([host, pid, start, heartbeat]);
      let alive = answers.get(key);
      if (alive === undefined) {
        alive = isAlive({ host: String(host), pid: Number(pid), start: String(start) }, Number(heartbeat), now);
        answers.set(key, alive);
      }
      return alive ? 'running' : 'interrupted';
    },
  );
}
