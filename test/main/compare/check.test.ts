import { describe, expect, it } from 'vitest';
import { readAllowance, rulesOf, type Rule } from '../../../main/compare/check.ts';
import { compareRuns } from '../../../main/compare/compare.ts';
import { junitXml, xml } from '../../../main/compare/junit.ts';
import { aRun, aStore, SMALL } from '../report/runs.ts';

const statuses = (rules: readonly Rule[]): Record<string, string> =>
  Object.fromEntries(rules.map(({ name, status }) => [name.replace(/ is at most.*/u, ''), status]));

describe('check', () => {
  it('passes a run that loses nothing and is as good as its baseline, and fails one that is slower', async () => {
    const store = aStore();
    const [fast, slow] = [await aRun(store), await aRun(store, SMALL.replace('512MiB/s', '128MiB/s'))];
    const judge = (id: number, allow: string): Record<string, string> =>
      statuses(
        rulesOf(store.run(id), store.run(fast), compareRuns(store, [fast, id], fast), [
          readAllowance(allow).allowance!,
        ]),
      );
    expect(judge(slow, 'total=+5%')).toEqual({
      'no page lost': 'passed',
      'expect.lost: 0': 'passed',
      'completes as the baseline does': 'passed',
      'total time': 'failed',
    });
    expect(judge(slow, 'total=+100000%')['total time']).toBe('passed');
    expect(judge(slow, 'total=1h')['total time']).toBe('passed');
    expect(judge(fast, 'total=0%')['total time']).toBe('passed');
    store.close();
  });

  it('does not take a guest that was never stopped for one without downtime', async () => {
    const store = aStore();
    const never = SMALL.replace('bandwidth: 512MiB/s', 'bandwidth: 5MB/s, timeout: 1s');
    const [fast, endless] = [await aRun(store), await aRun(store, never)];
    expect(store.run(endless).summary).toMatchObject({ outcome: 'timed-out', downtimeNs: null });
    const comparison = compareRuns(store, [fast, endless], fast);
    const rules = rulesOf(store.run(endless), store.run(fast), comparison, [readAllowance('downtime=+5%').allowance!]);
    expect(statuses(rules)).toMatchObject({ 'completes as the baseline does': 'failed', downtime: 'skipped' });
    const downtime = comparison.results.find(({ metric }) => metric === 'downtime')!;
    expect(downtime.cells.map(({ n, judgement }) => [n, judgement])).toEqual([
      [1, 'baseline'],
      [0, 'unknown'],
    ]);
    store.close();
  });

  it('reads how much worse a figure may be, and says what would be right', () => {
    expect(readAllowance('downtime=+5%').allowance).toEqual({ metric: 'downtime', share: 0.05, amount: null });
    expect(readAllowance('bytes=2MiB').allowance?.amount).toBe(2 * 1024 * 1024);
    expect(readAllowance('rounds=any').allowance).toBeNull();
    for (const wrong of ['downtime', 'nonsense=5%', 'outcome=1', 'rounds=x', 'total=5']) {
      expect(() => readAllowance(wrong)).toThrow();
    }
  });

  it('writes JUnit XML in which names are text', () => {
    const name = `"><script>&'\u0000\ud800\n]]>`;
    expect(xml(name)).toBe('&quot;&gt;&lt;script&gt;&amp;&apos;\ufffd\ufffd&#10;]]&gt;');
    const text = junitXml(name, [
      { name, status: 'failed', message: name },
      { name: 'a', status: 'skipped', message: 'b' },
      { name: 'c', status: 'passed', message: '' },
    ]);
    expect(text).toContain('tests="3" failures="1" errors="0" skipped="1"');
    expect(text.match(/<testcase /gu)).toHaveLength(3);
    expect(text).not.toContain('<script');
    expect(text).not.toContain('\u0000');
  });
});
