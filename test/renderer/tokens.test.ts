// Contrast of every pair of colours that meet on the screen, in both themes, read from the token file itself (WCAG 2.2: 4.5 for
// text, 3 for marks). Colours are converted by a library of their own.
import Color from 'colorjs.io';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const css = readFileSync(resolve(import.meta.dirname, '../../renderer/style/tokens.css'), 'utf8');
const tokens = new Map(
  [...css.matchAll(/--([\w-]+):\s*light-dark\((oklch\([^)]*\)),\s*(oklch\([^)]*\))\)/gu)].map(
    ([, name, light, dark]) => [name, { light, dark }] as const,
  ),
);

type Theme = 'light' | 'dark';

function colour(name: string, theme: Theme): Color {
  const text = tokens.get(name)?.[theme];
  if (text === undefined) throw new Error(`there is no colour --${name}`);
  return new Color(text);
}

function contrast(mark: string, ground: string, theme: Theme): number {
  return colour(ground, theme).contrast(colour(mark, theme), 'WCAG21');
}

const GROUNDS = ['page', 'surface', 'raised'];
const TEXTS = ['text', 'text-muted', 'accent', 'good', 'warning', 'bad', 'lost'];
const series = Array.from({ length: 8 }, (_, i) => `series-${i + 1}`);

describe.each(['light', 'dark'] as const)('%s', (theme) => {
  it('reads every colour of the file', () => {
    expect(tokens.size).toBeGreaterThan(35);
  });
  it.each(GROUNDS.flatMap((ground) => TEXTS.map((text) => [text, ground] as const)))(
    'text %s on %s ≥ 4.5',
    (text, ground) => {
      expect(contrast(text, ground, theme)).toBeGreaterThanOrEqual(4.5);
    },
  );
  it.each([
    ['text', 'hover'],
    ['text-muted', 'hover'],
    ['text', 'accent-wash'],
    ['text-muted', 'sunken'],
    ['lost', 'lost-wash'],
    ['text', 'lost-wash'],
    ['on-accent', 'accent'],
    ['on-accent', 'accent-hover'],
    ['on-blackout', 'blackout'],
  ])('text %s on %s ≥ 4.5', (text, ground) => {
    expect(contrast(text, ground, theme)).toBeGreaterThanOrEqual(4.5);
  });
  it.each(
    GROUNDS.flatMap((ground) => [...series, 'line-strong', 'axis', 'cursor'].map((mark) => [mark, ground] as const)),
  )('mark %s on %s ≥ 3', (mark, ground) => {
    expect(contrast(mark, ground, theme)).toBeGreaterThanOrEqual(3);
  });
  it('no source looks like lost data', () => {
    for (const name of series) {
      const distance = colour(name, theme).deltaE(colour('lost', theme), '2000');
      expect(distance, name).toBeGreaterThan(20);
    }
  });
  it('sources can be told apart', () => {
    for (const [i, one] of series.entries()) {
      for (const other of series.slice(i + 1)) {
        const distance = colour(one, theme).deltaE(colour(other, theme), '2000');
        expect(distance, `${one} and ${other}`).toBeGreaterThan(12);
      }
    }
  });
});
