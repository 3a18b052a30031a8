// Prose of a report's author: Markdown without HTML, without pictures (a report asks nobody for anything), with links to https,
// mailto and places in the page alone.
import MarkdownIt from 'markdown-it';

const markdown = new MarkdownIt('default', { html: false, linkify: false, typographer: false });
markdown.disable('image');
markdown.validateLink = (target: string): boolean => /^(?:https:\/\/|mailto:|#)/iu.test(target.trim());

export function proseHtml(text: string): string {
  const { rules } = markdown.renderer;
  // A link leads out of the report: the page that it opens learns nothing of this one.
  rules['link_open'] = (tokens, index, options, _env, self) => {
    tokens[index]!.attrSet('rel', 'noopener noreferrer');
    return self.renderToken(tokens, index, options);
  };
  // Tables say how columns are aligned in a style, which the page's policy refuses.
  for (const name of ['th_open', 'td_open']) {
    rules[name] = (tokens, index, options, _env, self) => {
      const token = tokens[index]!;
      const align = /text-align:(left|center|right)/u.exec(String(token.attrGet('style') ?? ''))?.[1];
      token.attrs = align === undefined ? null : [['class', `to-${align}`]];
      return self.renderToken(tokens, index, options);
    };
  }
  return markdown.render(text.replaceAll('\u0000', '\ufffd'));
}
