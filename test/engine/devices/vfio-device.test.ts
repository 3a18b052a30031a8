import { describe, expect, it } from 'vitest';
import { costsWith } from '../../../engine/core/costs.ts';
import type { RunEvent } from '../../../engine/core/events.ts';
import { DEVICE_MODELS } from '../../../engine/devices/models.ts';
import { VfioDevice } from '../../../engine/devices/vfio-device.ts';
import type { DeviceMigrationConfig } from '../../../engine/devices/config.ts';

const MIB = 1024 * 1024;
const MS = 1e6;

function aDevice(overrides: Partial<DeviceMigrationConfig> = {}): { device: VfioDevice; events: RunEvent[] } {
  const events: RunEvent[] = [];
  const config: DeviceMigrationConfig = { ...DEVICE_MODELS.rdma.migration, ...overrides };
  const device = new VfioDevice('nic0', config, costsWith({ device_stop: 2 * MS }), (event) => events.push(event));
  return { device, events };
}

describe('VFIO device in a migration', () => {
  it('goes RUNNING → PRE_COPY → PRE_COPY_P2P → STOP_COPY → STOP', () => {
    const { device, events } = aDevice();
    device.setup(0);
    device.quiesce(5 * MS);
    device.stop(6 * MS);
    device.takeStopCopy(8 * MS);
    device.finish(9 * MS);
    expect(events.map((e) => e.detail['to'])).toEqual(['PRE_COPY', 'PRE_COPY_P2P', 'STOP_COPY', 'STOP']);
  });

  it('without pre-copy it goes RUNNING_P2P → STOP, and into STOP_COPY only to give its state', () => {
    const { device, events } = aDevice({ precopy: false });
    device.setup(0);
    device.quiesce(1 * MS);
    device.stop(2 * MS);
    expect(device.state).toBe('STOP');
    device.takeStopCopy(3 * MS);
    expect(events.map((e) => e.detail['to'])).toEqual(['RUNNING_P2P', 'STOP', 'STOP_COPY']);
  });

  it('DMA goes on until the quiescing arc ends', () => {
    const { device } = aDevice({ stopNs: 3 * MS });
    device.setup(0);
    expect(device.dmaEndNs).toBe(Infinity);
    expect(device.quiesce(10 * MS)).toEqual({ ok: true, value: 3 * MS });
    expect(device.dmaEndNs).toBe(13 * MS);
    expect(device.stop(13 * MS)).toEqual({ ok: true, value: 2 * MS });
  });

  it('a device without P2P does DMA until it is stopped', () => {
    const { device } = aDevice({ p2p: false, stopNs: 3 * MS });
    device.setup(0);
    expect(device.quiesce(10 * MS)).toEqual({ ok: true, value: 0 });
    expect(device.dmaEndNs).toBe(Infinity);
    device.stop(11 * MS);
    expect(device.dmaEndNs).toBe(14 * MS);
  });

  it('the estimate is pre-copy data as of the last query less what was read; the exact size holds all', () => {
    const config = { initialBytes: 10 * MIB, stateBytes: 100 * MIB, dirtyBytesPerSecond: 1 * MIB };
    const { device } = aDevice({ ...config, readBytesPerSecond: 1000 * MIB });
    expect(device.estimateBytes(0)).toBe(0);
    device.setup(0);
    expect(device.estimateBytes(0)).toBe(10 * MIB);
    expect(device.iterate(1000 * MS, MIB)).toBe(MIB);
    expect(device.estimateBytes(1000 * MS)).toBe(9 * MIB);
    expect(device.exactBytes(1000 * MS)).toBe(100 * MIB + 9 * MIB + 1 * MIB);
    expect(device.estimateBytes(1000 * MS)).toBe(10 * MIB);
  });

  it('initial data is sent first, and then ENOMSG sets the estimate to 0', () => {
    const { device } = aDevice({ initialBytes: 2 * MIB, dirtyBytesPerSecond: 0, readBytesPerSecond: 1000 * MIB });
    device.setup(0);
    expect(device.initialSent(0)).toBe(false);
    device.iterate(100 * MS, MIB);
    device.iterate(200 * MS, MIB);
    expect(device.initialSent(200 * MS)).toBe(true);
    expect(device.iterate(300 * MS, MIB)).toBe(0);
    expect(device.estimateBytes(300 * MS)).toBe(0);
  });

  it('gives no more than its read rate allows', () => {
    const { device } = aDevice({ readBytesPerSecond: 10 * MIB });
    device.setup(0);
    expect(device.iterate(50 * MS, MIB)).toBe(MIB / 2);
  });

  it('every byte comes once: what pre-copy did not read, STOP_COPY does', () => {
    const config = { initialBytes: 4 * MIB, stateBytes: 8 * MIB, dirtyBytesPerSecond: 2 * MIB };
    const { device } = aDevice({ ...config, readBytesPerSecond: 1000 * MIB });
    device.setup(0);
    const read = device.iterate(500 * MS, MIB);
    device.quiesce(1000 * MS);
    device.stop(1001 * MS);
    expect(read + device.takeStopCopy(1003 * MS)).toBe((4 + 8 + 2) * MIB);
  });

  it('abort brings it back to RUNNING with its DMA', () => {
    const { device } = aDevice();
    device.setup(0);
    device.quiesce(MS);
    device.stop(2 * MS);
    device.abort(9 * MS);
    expect([device.state, device.dmaEndNs, device.estimateBytes(9 * MS)]).toEqual(['RUNNING', Infinity, 0]);
    expect(device.setup(10 * MS).ok).toBe(true);
  });
});
