// A line that is too long goes on below, two columns further in than it begins: at the margin its rest would read as a key of its own.
// Classes and not style attributes, which the content security policy forbids.
import { RangeSetBuilder, type Extension } from '@codemirror/state';
import { Decoration, EditorView, ViewPlugin, type DecorationSet, type ViewUpdate } from '@codemirror/view';

/** Deeper ones hang as deep as this. */
const DEEPEST = 32;
const FURTHER = 2;
const depths = Array.from({ length: DEEPEST + 1 }, (_, depth) => depth);
const marks = depths.map((depth) => Decoration.line({ class: `cm-hang-${depth}` }));

function decorate({ state, visibleRanges }: EditorView): DecorationSet {
  const found = new RangeSetBuilder<Decoration>();
  let last = 0;
  for (const { from, to } of visibleRanges) {
    for (let at = from; at <= to;) {
      const line = state.doc.lineAt(at);
      const depth = /^ */u.exec(line.text)![0].length;
      if (line.number > last) found.add(line.from, line.from, marks[Math.min(DEEPEST, depth)]!);
      last = line.number;
      at = line.to + 1;
    }
  }
  return found.finish();
}

export const hanging: Extension = [
  ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;
      constructor(view: EditorView) {
        this.decorations = decorate(view);
      }
      update({ docChanged, viewportChanged, view }: ViewUpdate): void {
        if (docChanged || viewportChanged) this.decorations = decorate(view);
      }
    },
    { decorations: ({ decorations }) => decorations },
  ),
  EditorView.theme(
    Object.fromEntries(
      depths.map((depth) => [
        `.cm-line.cm-hang-${depth}`,
        { paddingLeft: `calc(6px + ${depth + FURTHER}ch)`, textIndent: `-${depth + FURTHER}ch` },
      ]),
    ),
  ),
];
