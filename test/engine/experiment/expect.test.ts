import { describe, expect, it } from 'vitest';
import { METRICS, METRIC_NAMES, evaluateExpectations, readExpectation } from '../../../engine/experiment/expect.ts';
import type { Expectation, MetricName } from '../../../engine/experiment/expect.ts';
import type { Summary } from '../../../engine/experiment/result.ts';

const summary: Summary = {
  outcome: 'completed',
  reason: '',
  startNs: 2e9,
  totalNs: 12e9,
  setupNs: 3e6,
  downtimeNs: 250e6,
  downtimeParts: [],
  bytes: { total: 5 * 2 ** 30, normal: 4 * 2 ** 30, zero: 1000, device: 2 << 20, protocol: 100 },
  pages: { total: 1000, normal: 900, zero: 100, resent: 50, needless: 7, lost: 0 },
  rounds: 5,
  losses: [],
  guestStallNs: null,
  guestSpeed: 0.95,
  throttleMaxPercent: 20,
  tracking: { harvestNs: 1e6, entriesTouched: 10, iotlbFlushes: 5, faults: 3 },
  simulatedNs: 15e9,
};

const read = (metric: MetricName, text: string | number): Expectation => {
  const result = readExpectation(metric, text);
  if ('problem' in result) throw new Error(result.problem);
  return result;
};
const met = (metric: MetricName, text: string | number): boolean =>
  evaluateExpectations({ [metric]: read(metric, text) }, summary)[0]!.met;

describe('expectations', () => {
  it.each<[MetricName, string | number, boolean]>([
    ['lost', 0, true],
    ['lost', '> 0', false],
    ['lost', 'more than 0', false],
    ['needless', '7 pages', true],
    ['needless', '28KiB', true],
    ['downtime', '<= 250ms', true],
    ['downtime', '< 250ms', false],
    ['downtime', '≤ 0.25s', true],
    ['downtime', '100ms .. 300ms', true],
    ['downtime', '251ms .. 300ms', false],
    ['total', 'at most 12s', true],
    ['total', 'less than 12s', false],
    ['outcome', 'completed', true],
    ['outcome', 'not failed', true],
    ['outcome', '!= completed', false],
    ['bytes', '>= 5GiB', true],
    ['bytes', '> 5GiB', false],
    ['guest_speed', '>= 95%', true],
    ['throttle', '20%', true],
    ['rounds', 'at least 6', false],
    ['rounds', '= 5', true],
  ])('%s: %s is met: %s', (metric, text, expected) => {
    expect(met(metric, text)).toBe(expected);
  });

  it('are not met by what nobody measured', () => {
    expect(met('guest_stall', '<= 1h')).toBe(false);
    expect(evaluateExpectations({ guest_stall: read('guest_stall', '<= 1h') }, summary)[0]!.actual).toBe('not known');
  });

  it('say path, condition as written, and the value with its unit', () => {
    expect(evaluateExpectations({ downtime: read('downtime', '<=  300ms'), lost: read('lost', 0) }, summary)).toEqual([
      { path: 'expect.lost', expected: '0', actual: '0 pages', met: true },
      { path: 'expect.downtime', expected: '<=  300ms', actual: '250ms', met: true },
    ]);
  });

  it.each(METRIC_NAMES)('the example of %s is a condition', (name) => {
    expect(() => read(name, METRICS[name].example)).not.toThrow();
    expect(METRICS[name].read(summary)).not.toBeUndefined();
  });
});
