import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { clip, pad, printable, printableJson, printableLines, wrap } from '../../../main/cli/text.ts';

/** What makes a terminal do something: controls of both sets, DEL, and marks that turn the reading direction. */
// eslint-disable-next-line no-control-regex
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\u200e\u200f\ufeff]/u;

const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '\u001b[2J',
    '\u009b31m',
    '\r\nKept as run 1',
    '\u202egnp.exe',
    '\ud800',
    '漢字かな',
    '👨‍👩‍👧‍👦',
    'é',
    'a'.repeat(300),
  ),
);

describe('text on its way to a terminal', () => {
  it('holds nothing that a terminal obeys, whatever it was', () => {
    fc.assert(
      fc.property(fc.array(nasty), (parts) => {
        const text = parts.join('');
        expect(printable(text)).not.toMatch(OBEYED);
        for (const line of printableLines(text)) expect(line).not.toMatch(OBEYED);
        expect(printableJson({ name: text }).replace(/\n/g, '')).not.toMatch(OBEYED);
        expect(JSON.parse(printableJson({ name: text }))).toEqual({ name: text });
      }),
    );
  });

  it('is as wide as it is said to be', () => {
    fc.assert(
      fc.property(fc.array(nasty), fc.integer({ min: 1, max: 90 }), (parts, width) => {
        const text = printable(parts.join(' '));
        expect(stringWidth(clip(text, width))).toBeLessThanOrEqual(width);
        expect(stringWidth(pad(text, width))).toBe(width);
        for (const line of wrap(text, width)) expect(stringWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });

  it.each([
    ['an escape sequence', 'a\u001b[31mb', 'a\\u{1b}[31mb'],
    ['a forged line', 'a\nb', 'a\\u{a}b'],
    ['a C1 control', '\u009b2J', '\\u{9b}2J'],
    ['a turned direction', 'a\u202eb', 'a\\u{202e}b'],
    ['half a character', '\ud83d', '\\u{d83d}'],
    ['any script', 'Привет, 漢字, مرحبا, 👩‍💻', 'Привет, 漢字, مرحبا, 👩‍💻'],
  ])('shows %s by its number, and what can be read as it is', (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('is cut between characters as a reader sees them', () => {
    expect(clip('漢字漢字', 6)).toBe('漢字…');
    expect(clip('👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 3)).toBe('👨‍👩‍👧‍👦…');
    expect(clip('abcdef', 6)).toBe('abcdef');
    expect(clip('abcdefg', 6)).toBe('abcde…');
  });

  it('is wrapped at spaces', () => {
    expect(wrap('one two three four', 9)).toEqual(['one two', 'three', 'four']);
    expect(wrap('', 9)).toEqual([]);
  });
});
