import { describe, expect, it } from 'vitest';
import { answers, last, outcomes } from '../uapi/aScript.ts';
import type { StepWords } from '../uapi/aScript.ts';

const machineOf = (device: object): object => ({
  iommu: { format: 'amd-v1', page_sizes: [4096] },
  devices: [{ name: 'dev', ...device }],
});
const MIGRATES = machineOf({ migration: { flags: ['STOP_COPY', 'P2P', 'PRE_COPY'], stop_copy_length: 4096 } });
const STOP_COPY_ONLY = machineOf({ migration: { flags: ['STOP_COPY'] } });
const PLAIN = machineOf({});
const feature = (number: number, op: string | string[], more: object = {}): StepWords => [
  'VFIO_DEVICE_FEATURE',
  { device: 'dev', feature: number, op, ...more },
];
const setState = (state: number): StepWords => feature(2, 'SET', { device_state: state });
const getState = feature(2, 'GET');

describe('VFIO_DEVICE_FEATURE', () => {
  it.each([
    ['a feature nobody has', 4000, 'GET', 'ENOTTY'],
    ['PROBE of it', 4000, ['PROBE'], 'ENOTTY'],
    ['GET and SET at once', 2, ['GET', 'SET'], 'EINVAL'],
    ['GET and SET under PROBE', 2, ['GET', 'SET', 'PROBE'], 'ok'],
    ['an operation the feature lacks', 1, 'SET', 'EINVAL'],
    ['an operation it lacks under PROBE', 1, ['SET', 'PROBE'], 'EINVAL'],
    ['PROBE alone', 1, ['PROBE'], 'ok'],
    ['neither GET nor SET nor PROBE', 1, [], 'EINVAL'],
    ['logging the device has not', 6, ['PROBE'], 'ENOTTY'],
  ])('%s: %4$s', (_what, number, op, errno) => {
    expect(outcomes(MIGRATES, [feature(number, op)])).toEqual([errno]);
  });

  it.each([1, 2, 9])('feature %d needs room for its data, and migration', (number) => {
    expect(outcomes(MIGRATES, [feature(number, 'GET', { argsz: 15 }), feature(number, 'GET', { argsz: 16 })])).toEqual([
      'EINVAL',
      'ok',
    ]);
    expect(outcomes(PLAIN, [feature(number, 'GET'), feature(number, ['PROBE'])])).toEqual(['ENOTTY', 'ENOTTY']);
  });

  it('tells flags, an estimate in any state, and the state', () => {
    const [flags, size, state] = answers(MIGRATES, [feature(1, 'GET'), feature(9, 'GET'), getState]);
    expect([flags!.out, size!.out, state!.out]).toEqual([
      { flags: 7 },
      { stop_copy_length: 4096 },
      { device_state: 2, data_fd: -1 },
    ]);
  });

  it('PRECOPY_INFOv2 is there only with PRE_COPY: EINVAL else', () => {
    expect([MIGRATES, STOP_COPY_ONLY].map((machine) => outcomes(machine, [feature(12, 'SET')])[0])).toEqual([
      'ok',
      'EINVAL',
    ]);
  });

  it('a session is opened by the last arc only, and kept from PRE_COPY to STOP_COPY', () => {
    const steps = [setState(6), setState(3), setState(1), setState(4), setState(2)];
    const fds = answers(MIGRATES, steps).map(({ out }) => out['data_fd']);
    expect(fds.map((fd) => fd !== -1)).toEqual([true, false, false, true, false]);
  });

  it('a walk that is refused leaves the state of the last arc done', () => {
    const steps = [setState(3), setState(6), getState, setState(0), getState, setState(99), getState];
    expect(answers(MIGRATES, steps).map(({ errno, out }) => errno ?? out['device_state'])).toEqual([
      3,
      'EINVAL',
      3,
      'EINVAL',
      3,
      'EINVAL',
      3,
    ]);
  });

  it('states the device lacks are skipped on the way and refused as the end', () => {
    const steps = [setState(3), getState, setState(6), setState(5), getState];
    expect(answers(STOP_COPY_ONLY, steps).map(({ errno, out }) => errno ?? out['device_state'])).toEqual([
      3,
      3,
      'EINVAL',
      'EINVAL',
      3,
    ]);
  });

  it('DMA of an attached device is logged by IOVA, reads and unlogged ranges are not', () => {
    const machine = machineOf({ dma_logging: true });
    const dma = (op: string, iova: number): StepWords => ['device.dma', { device: 'dev', op, iova, length: 1 }];
    const steps: StepWords[] = [
      ['IOMMU_IOAS_ALLOC', {}, 'ioas'],
      ['device.attach', { device: 'dev', to: '$ioas' }],
      ['IOMMU_IOAS_MAP', { ioas_id: '$ioas', flags: 7, user_va: 0x7f0000000000, length: 0x8000, iova: 0 }],
      feature(6, 'SET', { page_size: 4096, ranges: [{ iova: 0, length: 0x4000 }] }),
      dma('write', 0x1000),
      dma('read', 0x2000),
      dma('write', 0x5000),
      feature(8, 'GET', { iova: 0, length: 0x8000, page_size: 4096 }),
    ];
    expect(last(machine, steps).out).toEqual({ dirty: [[1, 1]], count: 1, bits: '02' });
  });
});
