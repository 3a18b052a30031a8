// Who writes a run, so that one that was interrupted is told from one that another process is still making.
//
// On the same machine the process itself is asked (with its start time where the system tells it: process ids are given
// again). From another machine, which shares the file over the network, only the heartbeat can be seen.
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** Boot and start time of the process; '' where the system does not tell. */
  readonly start: string;
}

export const HEARTBEAT_MS = 5_000;
/** Without a sign of life for this long, an owner that cannot be asked counts as dead. */
export const SILENCE_MS = 60_000;

export function thisOwner(): Owner {
  return { host: hostname(), pid: process.pid, start: startOf(process.pid) };
}

export function isAlive(owner: Owner, heartbeatMs: number, nowMs: number): boolean {
  const recent = nowMs - heartbeatMs < SILENCE_MS;
  if (owner.host !== hostname()) return recent;
  if (!exists(owner.pid)) return false;
  const start = startOf(owner.pid);
  return owner.start === '' || start === '' ? recent : owner.start === start;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Linux: field 22 of /proc/PID/stat counts clock ticks since boot; the name in field 2 may hold spaces and brackets. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended: only its parent has not asked yet.
    if (fields[0] === 'Z') return 'ended';
    return `${boot} ${fields[19] ?? ''}`;
  } catch {
    return '';
  }
}
