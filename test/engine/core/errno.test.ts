import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ERRNO, isErrno, ok, refuse } from '../../../engine/core/errno.ts';

describe('errno', () => {
  it('has the numbers of Linux', () => {
    expect([ERRNO.ENOENT, ERRNO.EINVAL, ERRNO.EOVERFLOW, ERRNO.EOPNOTSUPP, ERRNO.EADDRINUSE]).toEqual([
      2, 22, 75, 95, 98,
    ]);
  });

  it.runIf(process.platform === 'linux')('agrees with the C library of this machine', () => {
    const system = constants.errno as Record<string, number>;
    for (const [name, number] of Object.entries(ERRNO)) {
      if (Object.hasOwn(system, name)) expect([name, number]).toEqual([name, system[name]]);
    }
  });

  it('knows its names', () => {
    expect([isErrno('EBUSY'), isErrno('toString')]).toEqual([true, false]);
  });

  it('makes a refusal a value', () => {
    expect(ok(3)).toEqual({ ok: true, value: 3 });
    expect(refuse('EBUSY', 'a mapping is in use')).toEqual({ ok: false, errno: 'EBUSY', why: 'a mapping is in use' });
  });
});
