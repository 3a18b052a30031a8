// Texts of users on their way into HTML: characters, never markup.

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe between tags and in quoted attributes. Characters that HTML does not allow are replaced. */
export function html(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex -- these are what HTML does not allow
      .replace(/[\p{Cs}\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/gu, '\ufffd')
      .replace(/[&<>"']/gu, (char) => ENTITIES[char]!)
  );
}

/** A text of unknown direction that must not reorder what stands around it. */
export const isolated = (text: string): string => `<bdi>${html(text)}</bdi>`;
