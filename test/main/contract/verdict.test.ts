import { describe, expect, it } from 'vitest';
import type { ExpectResult, Summary } from '../../../engine/experiment/result.ts';
import { sentenceText, timesSent, verdictOf, verdictText, type VerdictLimits } from '../../../main/contract/verdict.ts';

const MS = 1_000_000;

function aSummary(change: Partial<Summary> = {}, pages: Partial<Summary['pages']> = {}): Summary {
  return {
    outcome: 'completed',
    reason: 'the guest runs at the destination',
    startNs: 1e9,
    totalNs: 3.2e9,
    setupNs: 1e6,
    downtimeNs: 5_312_345,
    downtimeParts: [],
    bytes: { total: 381 * 1024 * 1024, normal: null, zero: null, device: null, protocol: null },
    pages: { total: 200_000, normal: 97_500, zero: 102_500, resent: 22_500, needless: 0, lost: 0, ...pages },
    rounds: 6,
    losses: [],
    guestStallNs: 0,
    guestSpeed: 1,
    throttleMaxPercent: 0,
    tracking: { harvestNs: null, entriesTouched: null, iotlbFlushes: null, faults: null },
    simulatedNs: 5e9,
    ...change,
  };
}
const DONE = { status: 'finished', failure: null, sampleCount: 500, eventCount: 1 } as const;
const LIMITS: VerdictLimits = { downtimeLimitNs: 50 * MS, postcopy: false };
const say = (summary: Summary, limits: VerdictLimits = LIMITS, expect: readonly ExpectResult[] = []): string =>
  verdictText(verdictOf({ row: DONE, summary, expect }, limits));
const aLoss = (pages: number, eventIndex: number): Summary['losses'][number] => ({
  cause: 'unmapped before it was read',
  eventIndex,
  writers: ['nic0'],
  pages,
  runs: [[7, pages]],
});

describe('the verdict', () => {
  it('of a good migration is four short sentences', () => {
    expect(say(aSummary())).toBe(
      'Converged in 6 rounds. Blackout 5.31 ms of 50 allowed. No page lost. 381 MiB sent (1.3×).',
    );
  });

  it('begins with the pages that were lost, and leads to the event that lost the most of them', () => {
    const losses = [aLoss(3, 4), aLoss(157, 91)];
    const verdict = verdictOf({ row: DONE, summary: aSummary({ losses }, { lost: 160 }), expect: [] }, LIMITS);
    expect(verdictText(verdict)).toMatch(/^160 pages lost \(640 KiB\)\. Converged in 6 rounds\./);
    expect(verdict.tone).toBe('lost');
    expect(verdict.sentences[0]!.parts[0]!.source).toEqual({ at: 'event', number: 91 });
  });

  it('keeps lost pages first and its tone, even where the experiment expects them', () => {
    const expect_ = [{ path: 'expect.lost', expected: 'more than 0', actual: '1 page', met: true }];
    const verdict = verdictOf({ row: DONE, summary: aSummary({}, { lost: 1 }), expect: expect_ }, LIMITS);
    expect(verdict.tone).toBe('lost');
    expect(sentenceText(verdict.sentences[0]!)).toBe('1 page lost (4 KiB).');
    expect(verdict.sentences[0]!.parts[0]!.source).toEqual({ at: 'losses' });
  });

  it('says units once where they are the same, and both where they are not', () => {
    expect(say(aSummary({ downtimeNs: 850_000 }))).toContain('Blackout 850 µs of 50 ms allowed.');
    expect(say(aSummary({ downtimeNs: 40 * MS }), { ...LIMITS, downtimeLimitNs: 2e9 })).toContain(
      '40 ms of 2 s allowed.',
    );
  });

  it('names a blackout over the limit, one without a limit, and one nobody measured', () => {
    expect(say(aSummary({ downtimeNs: 62.12 * MS }))).toContain('Blackout 62.1 ms, over the 50 ms allowed.');
    expect(say(aSummary(), { ...LIMITS, downtimeLimitNs: null })).toContain('Blackout 5.31 ms.');
    expect(say(aSummary({ downtimeNs: null }))).toContain('Blackout not known.');
  });

  it('does not claim that a migration converged which could have moved by post-copy, or of which that is not known', () => {
    for (const postcopy of [true, null])
      expect(say(aSummary(), { ...LIMITS, postcopy })).toMatch(/^Completed in 6 rounds/);
  });

  it('says that vCPUs were throttled, and that a loss was not checked', () => {
    expect(say(aSummary({ throttleMaxPercent: 40, rounds: 1 }))).toContain(
      'Converged in 1 round, vCPUs throttled by up to 40%.',
    );
    expect(say(aSummary({}, { lost: null }))).toContain('Whether pages were lost was not checked.');
  });

  it('of a migration that did not end at the destination says how and why, and nothing of losses that cannot be', () => {
    const summary = aSummary({
      outcome: 'timed-out',
      reason: 'timeout, with 9 pages left',
      downtimeNs: null,
      totalNs: 2e10,
    });
    expect(say(summary)).toBe(
      'Did not converge: timed out, after 20 s and 6 rounds. Timeout, with 9 pages left. 381 MiB sent (1.3×).',
    );
    expect(verdictOf({ row: DONE, summary, expect: [] }, LIMITS).tone).toBe('bad');
    expect(say(aSummary({ outcome: 'failed', reason: 'no route.', downtimeNs: 3 * MS }))).toContain(
      'No route. The guest stood still for 3 ms.',
    );
    expect(say(aSummary({ outcome: 'cancelled', reason: '', totalNs: null, rounds: null, downtimeNs: null }))).toMatch(
      /^Cancelled\. 381/,
    );
  });

  it('is good where the experiment expects a timeout and gets it, and says so; bad where any expectation is not met', () => {
    const line = (met: boolean): ExpectResult => ({ path: 'expect.outcome', expected: 'x', actual: 'y', met });
    const summary = aSummary({ outcome: 'timed-out' });
    const foreseen = verdictOf({ row: DONE, summary, expect: [line(true)] }, LIMITS);
    expect(foreseen.tone).toBe('good');
    expect(verdictText(foreseen)).toMatch(/^Did not converge, as expected: timed out, after/);
    expect(foreseen.sentences.map(({ tone }) => tone)).not.toContain('bad');
    const missed = verdictOf({ row: DONE, summary: aSummary(), expect: [line(true), line(false)] }, LIMITS);
    expect(missed.tone).toBe('bad');
    expect(verdictText(missed)).toMatch(/1 of 2 expectations not met\.$/);
  });

  it('of a run without an end says what became of it', () => {
    const of = (row: object): string =>
      verdictText(verdictOf({ row: { ...DONE, ...row }, summary: null, expect: [] }, LIMITS));
    expect(of({ status: 'running' })).toBe('Still running.');
    expect(of({ status: 'failed', failure: 'disk full' })).toBe(
      'Broken off: disk full; 500 samples and 1 event were kept.',
    );
    expect(of({ status: 'interrupted' })).toContain('the process that made it is gone');
  });

  it('gives every number a source and every rounded one its digits', () => {
    const { sentences } = verdictOf({ row: DONE, summary: aSummary(), expect: [] }, LIMITS);
    for (const { parts } of sentences) {
      for (const { text, source } of parts) if (/\d/.test(text)) expect(source, text).toBeDefined();
    }
    expect(sentences.flatMap(({ parts }) => parts).find(({ text }) => text === '5.31 ms')!.exact).toBe('5312345 ns');
  });

  it('counts how often a page was sent only where that is known', () => {
    expect(timesSent({ normal: 130, resent: 30 })).toBeCloseTo(1.3);
    expect(timesSent({ normal: null, resent: 1 })).toBeNull();
    expect(timesSent({ normal: 0, resent: 0 })).toBeNull();
  });
});
