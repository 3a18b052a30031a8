// Colours of the heat map as words of pixels: of states, or of a ramp that is even to the eye and safe for colour-blind ones.
import type { ChartColours } from '../../chart/chartColours.ts';
import { formatFigure } from '../../../main/contract/format.ts';

export const STATE_TOKENS = [
  { title: 'clean', token: '--heat-clean' },
  { title: 'dirty', token: '--heat-dirty' },
  { title: 'sent', token: '--heat-sent' },
  { title: 'sent again', token: '--heat-sent-again' },
  { title: 'lost', token: '--lost' },
] as const;
const STOPS = 6;

export const rampTokens = (): string[] => Array.from({ length: STOPS }, (_, i) => `--ramp-${i + 1}`);
export const bytesOf = (bytes: number): string => formatFigure(bytes, 'bytes');

let pixel: CanvasRenderingContext2D | null | undefined;

/** Red, green and blue of any colour that CSS can say. */
function rgbOf(colour: string): [number, number, number] {
  if (pixel === undefined) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    pixel = canvas.getContext('2d', { willReadFrequently: true });
  }
  if (pixel === null) return [0, 0, 0];
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = pixel.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}

/** 256 words: little-endian, as ImageData has them. */
export function paletteOf(shown: string, colours: ChartColours): Uint32Array {
  const words = new Uint32Array(256);
  const word = ([red, green, blue]: readonly [number, number, number]): number =>
    ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  const clean = rgbOf(colours.series('--heat-clean'));
  if (shown === 'state') {
    words.fill(word(clean));
    for (const [i, { token }] of STATE_TOKENS.entries()) words[i] = word(rgbOf(colours.series(token)));
    return words;
  }
  const stops = rampTokens().map((token) => rgbOf(colours.series(token)));
  words[0] = word(clean);
  for (let i = 1; i < 256; i++) {
    const at = ((i - 1) / 254) * (STOPS - 1);
    const from = stops[Math.floor(at)]!;
    const to = stops[Math.min(STOPS - 1, Math.floor(at) + 1)]!;
    const share = at - Math.floor(at);
    const mixed = (c: 0 | 1 | 2): number => Math.round(from[c] + (to[c] - from[c]) * share);
    words[i] = word([mixed(0), mixed(1), mixed(2)]);
  }
  return words;
}
