import { describe, expect, it } from 'vitest';
import type { DeviceState } from '../../../engine/vfio/migration-states.ts';
import {
  DEVICE_STATES,
  MIGRATION_P2P,
  MIGRATION_PRE_COPY,
  MIGRATION_STOP_COPY,
  deviceStatePath,
  hasState,
  nextDeviceState,
  opensSession,
} from '../../../engine/vfio/migration-states.ts';

const ALL = MIGRATION_STOP_COPY | MIGRATION_P2P | MIGRATION_PRE_COPY;

describe('migration states of a VFIO device', () => {
  it('the numbers are those of enum vfio_device_mig_state', () => {
    expect(DEVICE_STATES.indexOf('STOP_COPY')).toBe(3);
    expect(DEVICE_STATES.indexOf('PRE_COPY_P2P')).toBe(7);
  });

  it('PRE_COPY → STOP_COPY passes PRE_COPY_P2P and keeps its session', () => {
    expect(deviceStatePath('PRE_COPY', 'STOP_COPY', ALL).states).toEqual(['PRE_COPY_P2P', 'STOP_COPY']);
    expect(opensSession('PRE_COPY_P2P', 'STOP_COPY')).toBe(false);
  });

  it('without P2P the states of P2P are skipped', () => {
    const flags = MIGRATION_STOP_COPY | MIGRATION_PRE_COPY;
    expect(deviceStatePath('PRE_COPY', 'STOP_COPY', flags).states).toEqual(['STOP_COPY']);
    expect(deviceStatePath('RUNNING', 'STOP_COPY', MIGRATION_STOP_COPY).states).toEqual(['STOP', 'STOP_COPY']);
  });

  it('STOP_COPY → PRE_COPY → EINVAL, and ERROR can be neither entered nor left', () => {
    expect(nextDeviceState('STOP_COPY', 'PRE_COPY', ALL)).toBeNull();
    for (const state of DEVICE_STATES) {
      expect(nextDeviceState('ERROR', state, ALL)).toBeNull();
      expect(nextDeviceState(state, 'ERROR', ALL)).toBeNull();
    }
  });

  it('every walk between supported states ends, within five arcs, or is refused from STOP_COPY to PRE_COPY', () => {
    for (const flags of [1, 3, 5, 7])
      for (const from of DEVICE_STATES.filter((s) => hasState(flags, s)))
        for (const to of DEVICE_STATES.filter((s) => hasState(flags, s))) {
          const path = deviceStatePath(from, to, flags);
          const refused: readonly DeviceState[] = ['PRE_COPY', 'PRE_COPY_P2P'];
          expect(path.ok, `${from} → ${to} with flags ${flags}`).toBe(!(from === 'STOP_COPY' && refused.includes(to)));
          expect(path.states.length).toBeLessThanOrEqual(5);
          // Only the last arc of a walk may hand out a data_fd.
          let at = from;
          path.states.forEach((next, i) => {
            if (i < path.states.length - 1) expect(opensSession(at, next), `${at} → ${next} → … ${to}`).toBe(false);
            at = next;
          });
        }
  });
});
