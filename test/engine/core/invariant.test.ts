import { expect, it } from 'vitest';
import { invariant, InvariantError } from '../../../engine/core/invariant.ts';

it('a violated invariant says what should hold', () => {
  const small: number = 1;
  invariant(small < 2, 'one is less than two');
  expect(() => {
    invariant(small > 2, 'one is more than two');
  }).toThrow(new InvariantError('should hold: one is more than two'));
});
