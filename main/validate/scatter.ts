// Predicted against measured as a picture: one dot a case on logarithmic axes, with the diagonal and a band of ±20 %.

export interface Dot {
  readonly name: string;
  readonly predicted: number;
  readonly measured: number;
}

const SIZE = 420;
const MARGIN = { left: 64, right: 16, top: 32, bottom: 48 };

const escapeText = (text: string): string => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);

export function scatterSvg(title: string, unit: string, dots: readonly Dot[]): string {
  const values = dots.flatMap(({ predicted, measured }) => [predicted, measured]).filter((value) => value > 0);
  const from = Math.floor(Math.log10(Math.min(...values, 1)));
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values, 1))));
  const width = SIZE - MARGIN.left - MARGIN.right;
  const height = SIZE - MARGIN.top - MARGIN.bottom;
  const share = (value: number): number => (Math.log10(Math.max(value, 10 ** from)) - from) / (to - from);
  const x = (value: number): string => (MARGIN.left + share(value) * width).toFixed(1);
  const y = (value: number): string => (MARGIN.top + (1 - share(value)) * height).toFixed(1);
  const [low, high] = [10 ** from, 10 ** to];
  const line = (factor: number, style: string): string => {
    const clip = (value: number): number => Math.min(high, Math.max(low, value));
    const start = clip(low * factor) / factor;
    const end = clip(high * factor) / factor;
    return `<line x1="${x(start)}" y1="${y(start * factor)}" x2="${x(end)}" y2="${y(end * factor)}" ${style}/>`;
  };
  const decades = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
  const grid = decades.map(
    (value) =>
      `<path d="M${x(value)} ${MARGIN.top}V${MARGIN.top + height}M${MARGIN.left} ${y(value)}H${MARGIN.left + width}" stroke="#ddd"/>` +
      `<text x="${x(value)}" y="${SIZE - 28}" text-anchor="middle">${value.toLocaleString('en')}</text>` +
      `<text x="${MARGIN.left - 8}" y="${y(value)}" text-anchor="end" dominant-baseline="middle">${value.toLocaleString('en')}</text>`,
  );
  const marks = dots.map(
    ({ name, predicted, measured }) =>
      `<circle cx="${x(measured)}" cy="${y(predicted)}" r="4" fill="#0b6e6e" fill-opacity=".7"><title>${escapeText(name)}: ${predicted.toFixed(1)} predicted, ${measured.toFixed(1)} measured</title></circle>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE} ${SIZE}" font-family="sans-serif" font-size="11" fill="#333">`,
    `<rect width="${SIZE}" height="${SIZE}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="18" font-size="13" font-weight="600">${escapeText(title)}</text>`,
    ...grid,
    line(1, 'stroke="#888"'),
    line(1.2, 'stroke="#bbb" stroke-dasharray="4 3"'),
    line(1 / 1.2, 'stroke="#bbb" stroke-dasharray="4 3"'),
    ...marks,
    `<text x="${MARGIN.left + width / 2}" y="${SIZE - 8}" text-anchor="middle">measured, ${unit} (median of repeats)</text>`,
    `<text transform="translate(14 ${MARGIN.top + height / 2}) rotate(-90)" text-anchor="middle">predicted, ${unit}</text>`,
    '</svg>',
    '',
  ].join('\n');
}
