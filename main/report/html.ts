// A report as one HTML file that needs nothing else: styles and scripts inline and named by their hashes in the policy, data
// compressed in it. Without scripts the charts are pictures; with them they can be zoomed.
//
// The policy allows those scripts and styles alone, and no connection at all: whatever a name or a note holds, nothing runs and
// nothing is asked for.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { reportScript } from '../bundle/report.ts';
import { packed } from './chartData.ts';
import type { ReportDocument } from './document.ts';
import { html } from './escape.ts';
import { mainHtml } from './sections.ts';

const require = createRequire(import.meta.url);
const read = (path: string | URL): string => readFileSync(path, 'utf8');
const uplotFile = (name: string): string => read(require.resolve(`uplot/dist/${name}`));

export const reportHtml = (report: ReportDocument): string => [...reportPieces(report)].join('');

/** The page, and then the bundles one by one: they come last, so that nobody waits for them to read the rest. */
export function* reportPieces(report: ReportDocument): Generator<string> {
  yield page(report);
  for (const { bundle } of report.runs) if (bundle !== null) yield `${reportScript(bundle)}\n`;
  yield '</body>\n</html>\n';
}

/** As it will be, for who composes it: without scripts, data and bundles. */
export const reportPreview = (report: ReportDocument): { readonly css: string; readonly html: string } => ({
  css: pageStyle(),
  html: mainHtml(report),
});

const pageStyle = (): string => read(new URL('page/page.css', import.meta.url));

function page(report: ReportDocument): string {
  const style = `${pageStyle()}\n${uplotFile('uPlot.min.css')}`;
  const scripts = [uplotFile('uPlot.iife.min.js'), read(new URL('page/page.js', import.meta.url))];
  const policy = [
    "default-src 'none'",
    `script-src ${scripts.map(hashSource).join(' ')}`,
    `style-src ${hashSource(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const { charts } = report;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Brownout ${html(report.version)}">
<meta name="referrer" content="no-referrer">
<title>${html(report.title)}</title>
<style>${style}</style>
</head>
<body>
${mainHtml(report)}
<script type="application/octet-stream" id="data">${packed(charts)}</script>
${scripts.map((script) => `<script>${script}</script>`).join('\n')}
`;
}

const hashSource = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
