import { expect, it } from 'vitest';
import { axisScale } from '../../../main/contract/axisScale.ts';

it.each([
  [950, 'ns', 1, 'ns'],
  [41_200, 'pages/s', 1000, 'k pages/s'],
  [2_146_947, 'pages', 1e6, 'M pages'],
  [1.25e9, 'bytes/s', 1.25e8, 'Gbit/s'],
  [5 * 1024 ** 3, 'bytes', 1024 ** 3, 'GiB'],
  [0.3, 'ratio', 0.01, '%'],
  [0, 'pages', 1, 'pages'],
] as const)('an axis up to %s %s is divided by %s and says %s', (greatest, unit, factor, name) => {
  expect(axisScale(greatest, unit)).toEqual({ factor, unit: name });
});
