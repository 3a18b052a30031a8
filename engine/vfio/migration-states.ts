// The migration states of a VFIO device and the arcs between them, as a table.
//
// A request names the state wanted; the kernel walks there one arc at a time. ARC_NEXT holds, for every pair, the next
// state on the way. A next state that the device does not support is skipped by looking up again from it, so that one
// table serves devices with and without P2P and PRE_COPY.
// Invariants: a walk never passes through ERROR; from ERROR only a device reset leads out (to RUNNING); the session
// (data_fd) is opened by the last arc of a walk or by none.
// Not here: what an arc does to a device and how long it takes (engine/devices), and the ioctl's argument checks.
// Source: drivers/vfio/vfio_main.c, vfio_mig_get_next_state(); include/uapi/linux/vfio.h.

export const DEVICE_STATES = [
  'ERROR',
  'STOP',
  'RUNNING',
  'STOP_COPY',
  'RESUMING',
  'RUNNING_P2P',
  'PRE_COPY',
  'PRE_COPY_P2P',
] as const;

/** Its index in DEVICE_STATES is the value of `enum vfio_device_mig_state`. */
export type DeviceState = (typeof DEVICE_STATES)[number];

/** VFIO_MIGRATION_* flags of VFIO_DEVICE_FEATURE_MIGRATION. */
export const MIGRATION_STOP_COPY = 1;
export const MIGRATION_P2P = 2;
export const MIGRATION_PRE_COPY = 4;

/** Flags a device must have for each state to exist on it; no device has ERROR's. */
export const STATE_FLAGS = {
  ERROR: ~0,
  STOP: MIGRATION_STOP_COPY,
  RUNNING: MIGRATION_STOP_COPY,
  STOP_COPY: MIGRATION_STOP_COPY,
  RESUMING: MIGRATION_STOP_COPY,
  RUNNING_P2P: MIGRATION_STOP_COPY | MIGRATION_P2P,
  PRE_COPY: MIGRATION_STOP_COPY | MIGRATION_PRE_COPY,
  PRE_COPY_P2P: MIGRATION_STOP_COPY | MIGRATION_P2P | MIGRATION_PRE_COPY,
} as const satisfies Record<DeviceState, number>;

type Row = Readonly<Record<Exclude<DeviceState, 'ERROR'>, DeviceState>>;

/** ARC_NEXT[from][to]: the next state on the way; 'ERROR' means that there is no way (EINVAL). */
export const ARC_NEXT: Readonly<Record<Exclude<DeviceState, 'ERROR'>, Row>> = {
  STOP: {
    STOP: 'STOP',
    RUNNING: 'RUNNING_P2P',
    STOP_COPY: 'STOP_COPY',
    RESUMING: 'RESUMING',
    RUNNING_P2P: 'RUNNING_P2P',
    PRE_COPY: 'RUNNING_P2P',
    PRE_COPY_P2P: 'RUNNING_P2P',
  },
  RUNNING: {
    STOP: 'RUNNING_P2P',
    RUNNING: 'RUNNING',
    STOP_COPY: 'RUNNING_P2P',
    RESUMING: 'RUNNING_P2P',
    RUNNING_P2P: 'RUNNING_P2P',
    PRE_COPY: 'PRE_COPY',
    PRE_COPY_P2P: 'RUNNING_P2P',
  },
  STOP_COPY: {
    STOP: 'STOP',
    RUNNING: 'STOP',
    STOP_COPY: 'STOP_COPY',
    RESUMING: 'STOP',
    RUNNING_P2P: 'STOP',
    PRE_COPY: 'ERROR',
    PRE_COPY_P2P: 'ERROR',
  },
  RESUMING: {
    STOP: 'STOP',
    RUNNING: 'STOP',
    STOP_COPY: 'STOP',
    RESUMING: 'RESUMING',
    RUNNING_P2P: 'STOP',
    PRE_COPY: 'STOP',
    PRE_COPY_P2P: 'STOP',
  },
  RUNNING_P2P: {
    STOP: 'STOP',
    RUNNING: 'RUNNING',
    STOP_COPY: 'STOP',
    RESUMING: 'STOP',
    RUNNING_P2P: 'RUNNING_P2P',
    PRE_COPY: 'RUNNING',
    PRE_COPY_P2P: 'PRE_COPY_P2P',
  },
  PRE_COPY: {
    STOP: 'RUNNING',
    RUNNING: 'RUNNING',
    STOP_COPY: 'PRE_COPY_P2P',
    RESUMING: 'RUNNING',
    RUNNING_P2P: 'RUNNING',
    PRE_COPY: 'PRE_COPY',
    PRE_COPY_P2P: 'PRE_COPY_P2P',
  },
  PRE_COPY_P2P: {
    STOP: 'RUNNING_P2P',
    RUNNING: 'RUNNING_P2P',
    STOP_COPY: 'STOP_COPY',
    RESUMING: 'RUNNING_P2P',
    RUNNING_P2P: 'RUNNING_P2P',
    PRE_COPY: 'PRE_COPY',
    PRE_COPY_P2P: 'PRE_COPY_P2P',
  },
};

export const hasState = (flags: number, state: DeviceState): boolean =>
  state !== 'ERROR' && (STATE_FLAGS[state] & flags) === STATE_FLAGS[state];

/** The state after one arc from `from` towards `to` on a device with these flags; null where Linux returns EINVAL. */
export function nextDeviceState(from: DeviceState, to: DeviceState, flags: number): DeviceState | null {
  if (from === 'ERROR' || to === 'ERROR' || !hasState(flags, from) || !hasState(flags, to)) return null;
  let next = ARC_NEXT[from][to];
  while (next !== 'ERROR' && !hasState(flags, next)) next = ARC_NEXT[next][to];
  return next === 'ERROR' ? null : next;
}

/** Arcs that hand out a new data_fd; every other arc keeps or closes the session. */
export function opensSession(from: DeviceState, to: DeviceState): boolean {
  if (to === 'STOP_COPY') return from === 'STOP';
  if (to === 'RESUMING') return from === 'STOP';
  if (to === 'PRE_COPY') return from === 'RUNNING';
  return to === 'PRE_COPY_P2P' && from === 'RUNNING_P2P';
}

/** Every state passed on the way, `to` last. `reached` says how far a refused walk came: it stays there. */
export function deviceStatePath(
  from: DeviceState,
  to: DeviceState,
  flags: number,
): { readonly ok: boolean; readonly states: readonly DeviceState[] } {
  const states: DeviceState[] = [];
  for (let state = from; state !== to;) {
    const next = nextDeviceState(state, to, flags);
    if (next === null) return { ok: false, states };
    states.push(next);
    state = next;
  }
  return { ok: hasState(flags, to), states };
}
