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
  return markdown.render(text.replaceAll('\u0000', '\ufffd'));
}
