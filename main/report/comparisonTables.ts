// Tables of a comparison. Two or three set-ups stand side by side, as one reads them; more would leave each a column of single letters, so
// then every set-up has a row of its own.
import { ARROW, deltaText, rowsThatDiffer, trustText, valueText } from '../contract/compareText.ts';
import type { Comparison, ResultCell, ResultRow } from '../contract/compare.ts';
import { letter } from '../compare/markdown.ts';
import { html, isolated } from './escape.ts';

const MOST_SIDE_BY_SIDE = 3;
/** Fields that stand side by side where set-ups do not. */
const MOST_FIELDS = 6;

export function resultsHtml(comparison: Comparison): string {
  const rows = rowsThatDiffer(comparison.results);
  if (rows.length === 0) return '<p>The same in every figure.</p>';
  const table = comparison.groups.length <= MOST_SIDE_BY_SIDE ? sideBySide(comparison, rows) : below(comparison, rows);
  return `${table}${isSingle(comparison) ? `<p class="note">${SINGLE}</p>` : ''}`;
}

const SINGLE = 'One run each: the differences are exact, and say nothing of how much repeats would vary.';
/** Where no set-up has repeats there is one thing to say of all figures. */
const isSingle = ({ results }: Comparison): boolean => results.every(({ cells }) => cells.every(({ n }) => n <= 1));

const valueCell = (row: ResultRow, cell: ResultCell): string => {
  const lost = row.metric === 'lost' && (cell.greatest ?? 0) > 0 ? ' class="t-lost"' : '';
  return `<td${lost}>${html(valueText(row, cell))}</td>`;
};
const delta = (row: ResultRow, cell: ResultCell): string =>
  `<span class="j-${cell.judgement}">${html(deltaText(row, cell))}</span>`;

function sideBySide(comparison: Comparison, rows: readonly ResultRow[]): string {
  const { groups, baseline } = comparison;
  const others = groups.flatMap((_, g) => (g === baseline ? [] : [g]));
  const single = isSingle(comparison);
  const heads = others.map((g) => `<th>${letter(g)}</th><th>${letter(g)} − ${letter(baseline)}</th>`).join('');
  const body = rows.map((row) => {
    const before = row.cells[baseline]!;
    const cells = others.map((g) => {
      const cell = row.cells[g]!;
      const trust = single ? '' : `<br><span class="muted">${html(trustText(before, cell))}</span>`;
      return `${valueCell(row, cell)}<td>${delta(row, cell)}${trust}</td>`;
    });
    return `<tr><td>${html(row.title)} ${ARROW[row.better]}</td><td>${html(valueText(row, before))}</td>${cells.join('')}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr><th>figure</th><th>${letter(baseline)}</th>${heads}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

function below(comparison: Comparison, rows: readonly ResultRow[]): string {
  const { groups, baseline } = comparison;
  const single = isSingle(comparison);
  const heads = ['', 'value', `against ${letter(baseline)}`, ...(single ? [] : ['how sure'])];
  const bodies = rows.map((row) => {
    const before = row.cells[baseline]!;
    const lines = groups.map((_, g) => {
      const cell = row.cells[g]!;
      const [against, trust] =
        g === baseline
          ? ['<span class="muted">baseline</span>', '']
          : [delta(row, cell), `<span class="muted">${html(trustText(before, cell))}</span>`];
      return `<tr><td>${letter(g)}</td>${valueCell(row, cell)}<td>${against}</td>${single ? '' : `<td>${trust}</td>`}</tr>`;
    });
    return `<tbody><tr><th colspan="${heads.length}" scope="rowgroup">${html(row.title)} ${ARROW[row.better]}</th></tr>${lines.join('')}</tbody>`;
  });
  return `<div class="scroll"><table class="below"><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead>${bodies.join('')}</table></div>`;
}

export function differencesHtml({ groups, baseline, differences }: Comparison): string {
  if (differences.length === 0) return '<p>Nothing but the seed.</p>';
  const names = groups.map((_, g) => `${letter(g)}${g === baseline ? ' (baseline)' : ''}`);
  const fields = differences.map(({ path }) => `<code>${html(path)}</code>`);
  const cells = differences.map(({ cells: ofField }) =>
    ofField.map(({ text, origin }) =>
      origin === 'absent'
        ? '<td class="muted">–</td>'
        : `<td>${isolated(text)}${origin === 'default' ? ' <span class="muted">default</span>' : ''}</td>`,
    ),
  );
  const turned = groups.length > MOST_SIDE_BY_SIDE && differences.length <= MOST_FIELDS;
  const [corner, heads, lines] = turned
    ? ['', fields, names.map((name, g) => `<td>${name}</td>${cells.map((ofField) => ofField[g]!).join('')}`)]
    : ['field', names, fields.map((field, i) => `<td>${field}</td>${cells[i]!.join('')}`)];
  return `<div class="scroll"><table><thead><tr><th>${corner}</th>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead><tbody>${lines.map((line) => `<tr>${line}</tr>`).join('')}</tbody></table></div>`;
}
