// The states of a migration and the ways between them (QEMU 9.2, qapi/migration.json MigrationStatus, migration.c).
// A way that is not in the table is our bug and throws. Left out: colo.

import { invariant } from '../core/invariant.ts';

export const NEXT_STATUS = {
  none: ['setup'],
  setup: ['active', 'wait-unplug', 'failed', 'cancelling'],
  'wait-unplug': ['active', 'failed', 'cancelling'],
  active: ['pre-switchover', 'postcopy-active', 'completed', 'failed', 'cancelling'],
  'pre-switchover': ['device', 'failed', 'cancelling'],
  device: ['completed', 'postcopy-active', 'failed', 'cancelling'],
  'postcopy-active': ['postcopy-paused', 'completed', 'failed'],
  'postcopy-paused': ['postcopy-recover-setup', 'failed'],
  'postcopy-recover-setup': ['postcopy-recover', 'postcopy-paused', 'failed'],
  'postcopy-recover': ['postcopy-active', 'postcopy-paused', 'failed'],
  cancelling: ['cancelled'],
  cancelled: ['setup'],
  failed: ['setup'],
  completed: ['setup'],
} as const satisfies Record<string, readonly string[]>;

export type MigrationStatus = keyof typeof NEXT_STATUS;

export const isFinal = (status: MigrationStatus): boolean =>
  status === 'cancelled' || status === 'failed' || status === 'completed';

/** Whether `migrate_cancel` does anything: the destination does not run yet. */
export const canCancel = (status: MigrationStatus): boolean =>
  (NEXT_STATUS[status] as readonly string[]).includes('cancelling');

export function nextStatus(from: MigrationStatus, to: MigrationStatus): MigrationStatus {
  invariant((NEXT_STATUS[from] as readonly string[]).includes(to), `a migration goes from ${from} to ${to}`);
  return to;
}
