// Brownout and blackout, from what a run reports.
import { expect, it } from 'vitest';
import { phasesOf } from '../../renderer/chart/phases.ts';

const at = (kind: 'phase' | 'stop' | 'resume' | 'round', timeNs: number, durationNs = 0) => ({
  kind,
  timeNs,
  durationNs,
});

it('the brownout goes from the migration’s beginning to the stop, the blackout from there to the resume', () => {
  const events = [at('phase', 10, 5), at('phase', 15, 80), at('stop', 95), at('phase', 95, 3), at('resume', 99)];
  expect(phasesOf(events, 120)).toEqual([
    { kind: 'brownout', fromNs: 10, toNs: 95 },
    { kind: 'blackout', fromNs: 95, toNs: 99 },
  ]);
});
it('a migration that fails in the blackout and is tried again has two of each', () => {
  const events = [
    ...[at('phase', 10, 20), at('stop', 30), at('resume', 35)],
    ...[at('phase', 50, 20), at('stop', 70), at('resume', 72)],
  ];
  expect(phasesOf(events, 100).map(({ kind, fromNs, toNs }) => `${kind} ${fromNs}–${toNs}`)).toEqual([
    'brownout 10–30',
    'blackout 30–35',
    'brownout 50–70',
    'blackout 70–72',
  ]);
});
it('one that never stops the guest is a brownout to its end', () => {
  expect(phasesOf([at('phase', 10, 5), at('phase', 15, 60)], 100)).toEqual([
    { kind: 'brownout', fromNs: 10, toNs: 75 },
  ]);
});
it('while it runs, a phase goes to the newest sample', () => {
  expect(phasesOf([at('stop', 30)], 44, { startNs: 10 })).toEqual([
    { kind: 'brownout', fromNs: 10, toNs: 30 },
    { kind: 'blackout', fromNs: 30, toNs: 44 },
  ]);
});
it('while it runs, the brownout goes on behind the last phase that was reported', () => {
  expect(phasesOf([at('phase', 10, 5)], 44, { open: true })).toEqual([{ kind: 'brownout', fromNs: 10, toNs: 44 }]);
});
it('a run without a migration has none', () => {
  expect(phasesOf([], 100)).toEqual([]);
});
