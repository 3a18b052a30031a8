// Text from files, stores and users on its way to a terminal: harmless, and as wide as it is said to be.
//
// A name may hold anything: escape sequences that move the cursor, marks that reverse the reading direction, newlines that
// forge a line of ours. Whatever is not a visible character is shown by its number instead.
import stringWidth from 'string-width';

/**
 * Control characters (C0, DEL, C1), line and paragraph separators, direction marks and isolates, invisible ones, tags,
 * private use and halves of surrogate pairs.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u{FFF9}-\u{FFFB}\u{E0000}-\u{E0FFF}]/gu;
/** Joins emoji (family, flags) and shapes letters of several scripts; harmless between visible characters. */
const JOINERS = new Set(['\u200c', '\u200d']);

/** `text` without anything that a terminal obeys, in one line: `name\u{1b}[2J`. At most `width` columns, if given. */
export function printable(text: string, width = Infinity): string {
  const safe = text.replace(UNSAFE, (char) =>
    JOINERS.has(char) ? char : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return clip(safe, width);
}

/** Prose of several lines: like printable(), but line breaks stay. */
export function printableLines(text: string): string[] {
  return text.split(/\r\n|\n|\r/u).map((line) => printable(line.replace(/\t/gu, '    ')));
}

/** At most `width` columns, cut between characters as a reader sees them; an ellipsis stands for what was cut. */
export function clip(text: string, width: number): string {
  if (text.length <= width / 2 || stringWidth(text) <= width) return text;
  let result = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text)) {
    const w = stringWidth(segment);
    if (used + w > width - 1) break;
    result += segment;
    used += w;
  }
  return `${result}…`;
}

/** Padded to `width` columns, at the end or (for numbers) at the beginning; clipped when longer. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const clipped = clip(text, width);
  const space = ' '.repeat(Math.max(0, width - stringWidth(clipped)));
  return align === 'left' ? clipped + space : space + clipped;
}

/** Breaks a text at spaces into lines of at most `width` columns; longer words are clipped. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (stringWidth(joined) <= width) line = joined;
    else {
      if (line !== '') lines.push(line);
      line = clip(word, width);
    }
  }
  return line === '' ? lines : [...lines, line];
}

/** JSON in which nothing can act on a terminal either: JSON leaves C1 controls and direction marks as they are. */
export function printableJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replace(UNSAFE, (char) => {
    if (char === '\n') return char;
    return Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join(
      '',
    );
  });
}
