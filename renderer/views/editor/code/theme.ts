// The text's look, from the window's own tokens: custom properties reach into the shadow root.
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

export const look = EditorView.theme({
  '&': { height: '100%', fontSize: 'var(--size-12)', color: 'var(--text)', backgroundColor: 'var(--surface)' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--font-code)', lineHeight: '1.6', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--text)', padding: 'var(--space-2) 0' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--text-muted)', border: '0' },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '28px', padding: '0 4px 0 8px' },
  '.cm-gutter-lint': { width: '14px' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in oklch, var(--hover) 60%, transparent)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--accent-wash)',
  },
  '.cm-tooltip': {
    border: '1px solid var(--line)',
    borderRadius: 'var(--radius-control)',
    backgroundColor: 'var(--raised)',
    color: 'var(--text)',
    boxShadow: 'var(--shadow)',
    fontFamily: 'var(--font-text)',
    fontSize: 'var(--size-12)',
    maxWidth: '420px',
  },
  '.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font-code)', maxHeight: '260px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '2px 8px' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent-wash)', color: 'var(--text)' },
  '.cm-completionDetail': { color: 'var(--text-muted)', fontStyle: 'normal', fontFamily: 'var(--font-text)' },
  '.cm-completionInfo': { padding: 'var(--space-2) var(--space-3)', lineHeight: '1.45' },
  '.cm-explained': { padding: 'var(--space-2) var(--space-3)', lineHeight: '1.45' },
  '.cm-explained code': { fontFamily: 'var(--font-code)' },
  '.cm-explained .quiet': { color: 'var(--text-muted)' },
  '.cm-diagnostic': { padding: '4px 10px', borderLeftWidth: '3px' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--bad)' },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--bad) 1px',
    textUnderlineOffset: '3px',
  },
  '.cm-panels': { backgroundColor: 'var(--page)', color: 'var(--text)', borderTop: '1px solid var(--line)' },
  '.cm-panel input, .cm-panel button': {
    font: 'inherit',
    color: 'var(--text)',
    background: 'var(--raised)',
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--radius-control)',
    backgroundImage: 'none',
  },
  '.cm-searchMatch': { backgroundColor: 'var(--brownout)' },
  '.cm-selectionMatch': { backgroundColor: 'var(--accent-wash)' },
});

export const colours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.comment, color: 'var(--text-muted)', fontStyle: 'italic' },
    { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--text)', fontWeight: '600' },
    {
      tag: [tags.string, tags.content, tags.number, tags.bool, tags.literal, tags.attributeValue],
      color: 'color-mix(in oklch, var(--series-1) 82%, var(--text))',
    },
    { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: 'var(--text-muted)' },
    { tag: tags.invalid, color: 'var(--bad)' },
  ]),
);
