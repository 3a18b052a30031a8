import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { isAlive, SILENCE_MS, thisOwner } from '../../../main/store/owner.ts';

const NOW = 1_000_000_000;
const ended = (): number => spawnSync(process.execPath, ['-e', '']).pid;

describe('whether the process that makes a run is alive', () => {
  it('this process is, however long it was silent', () => {
    expect(isAlive(thisOwner(), 0, NOW)).toBe(true);
  });

  it('a process that has ended is not, however recent its heartbeat', () => {
    expect(isAlive({ ...thisOwner(), pid: ended() }, NOW, NOW)).toBe(false);
  });

  it('another process that was given the same number is not', (context) => {
    context.skip(thisOwner().start === '', 'the system does not tell when a process started');
    expect(isAlive({ ...thisOwner(), start: 'an earlier boot 123' }, NOW, NOW)).toBe(false);
  });

  it.each([
    ['on another machine', { host: 'another machine' }],
    ['on a system that does not tell when a process started', { start: '' }],
  ])('%s the heartbeat decides', (_, change) => {
    const owner = { ...thisOwner(), ...change };
    expect(isAlive(owner, NOW - SILENCE_MS + 1, NOW)).toBe(true);
    expect(isAlive(owner, NOW - SILENCE_MS, NOW)).toBe(false);
  });
});
