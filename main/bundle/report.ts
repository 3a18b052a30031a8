// Bundles inside a report: an HTML file holds each as Base64 in a script element that no browser runs,
//
//   <script type="application/x-brownout-bundle" data-name="…">UEsDBBQ…</script>
//
// so that a report can be looked at anywhere and its runs still be imported. Other parts of the file are not looked at.
import { ImportError } from '../import/problem.ts';

export const REPORT_SCRIPT_TYPE = 'application/x-brownout-bundle';
/** A report with its data; the runs in it are as large as their bundles, and a third more. */
export const REPORT_BYTES_MAX = 512 * 2 ** 20;
const BUNDLES_MAX = 1000;

const OPENING = `<script type="${REPORT_SCRIPT_TYPE}"`;
const CLOSING = '</script>';

/** One bundle as an element of a report; Base64 holds nothing that could end the element. */
export const reportScript = (bundle: Uint8Array): string =>
  `${OPENING}>${Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength).toString('base64')}${CLOSING}`;

export function looksLikeHtml(start: Uint8Array): boolean {
  return /^\uFEFF?\s*<(?:!doctype html|html|!--)/iu.test(Buffer.from(start).toString('utf8'));
}

/** The bundles in a report. Throws an ImportError where there is none. */
export function bundlesInReport(html: Buffer, file: string): Buffer[] {
  const bundles: Buffer[] = [];
  for (let at = html.indexOf(OPENING); at >= 0; at = html.indexOf(OPENING, at)) {
    const from = html.indexOf('>', at) + 1;
    const to = from === 0 ? -1 : html.indexOf(CLOSING, from);
    if (to < 0) throw new ImportError(file, {}, 'a report that is cut off');
    const text = html.toString('latin1', from, to).trim();
    if (!/^[A-Za-z0-9+/\s]*={0,2}$/u.test(text)) throw new ImportError(file, {}, 'a bundle in it is no Base64');
    bundles.push(Buffer.from(text, 'base64'));
    if (bundles.length > BUNDLES_MAX) throw new ImportError(file, {}, `more than ${BUNDLES_MAX} bundles in it`);
    at = to;
  }
  if (bundles.length === 0) throw new ImportError(file, {}, 'an HTML file without a run in it');
  return bundles;
}
