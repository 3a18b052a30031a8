// A report as the bytes of a file.
import type { ReportFormat } from '../contract/report.ts';
import type { ReportDocument } from './document.ts';
import { reportHtml, reportPieces } from './html.ts';
import { reportMarkdown } from './markdown.ts';
import { findChromium, reportPdf } from './pdf.ts';

/** Throws NoChromium where a PDF is asked for and there is nothing to print it with. */
export async function reportFile(report: ReportDocument, format: ReportFormat): Promise<Iterable<Uint8Array>> {
  switch (format) {
    case 'md':
      return [Buffer.from(reportMarkdown(report))];
    case 'pdf':
      return [await reportPdf(reportHtml(report), findChromium())];
    case 'html':
      return inBytes(reportPieces(report));
  }
}

function* inBytes(texts: Iterable<string>): Generator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
