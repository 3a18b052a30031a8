// Rules as JUnit XML, which CI systems read. Names come from experiments: what XML does not allow is replaced, the rest escaped.
import type { Rule } from './check.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' },
  ...{ '\t': '&#9;', '\n': '&#10;', '\r': '&#13;' },
};

/** Text in an attribute of XML 1.0. */
export function xml(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex -- these are what XML 1.0 does not allow
      .replace(/[\p{Cs}\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/gu, '\ufffd')
      .replace(/[&<>"'\t\n\r]/gu, (char) => ENTITIES[char]!)
  );
}

export function junitXml(suite: string, rules: readonly Rule[]): string {
  const count = (status: Rule['status']): number => rules.filter((rule) => rule.status === status).length;
  const counts = `tests="${rules.length}" failures="${count('failed')}" errors="0" skipped="${count('skipped')}"`;
  const cases = rules.map(({ name, status, message }) => {
    const head = `    <testcase classname="${xml(suite)}" name="${xml(name)}"`;
    if (status === 'passed') return `${head}/>`;
    const inner = status === 'failed' ? `<failure message="${xml(message)}"/>` : `<skipped message="${xml(message)}"/>`;
    return `${head}>${inner}</testcase>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts}>\n  <testsuite name="${xml(suite)}" ${counts}>\n${cases.join('\n')}\n  </testsuite>\n</testsuites>\n`;
}
