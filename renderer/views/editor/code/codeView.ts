// The text side: CodeMirror in a shadow root, because the content security policy forbids <style> elements and only in a
// shadow root CodeMirror's styles are adopted sheets. Its history is the one history of both sides: an edit from the form is a
// transaction of its own here.
import { closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import {
  defaultKeymap,
  history,
  historyKeymap,
  isolateHistory,
  redo,
  redoDepth,
  undo,
  undoDepth,
} from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, indentOnInput, indentUnit } from '@codemirror/language';
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { EditorState, Transaction, type Extension, type Text } from '@codemirror/state';
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import type { Problem } from '../../../../main/contract/errors.ts';
import { overType } from './overType.ts';
import { assistance, type Knowledge } from './assist.ts';
import { hanging } from './hanging.ts';
import { colours, look } from './theme.ts';

export interface CodeEvents {
  /** The text is another; not called for `load`. */
  changed(text: string): void;
  /** After every change of the state. */
  history(depths: { readonly undo: number; readonly redo: number }): void;
  /** The cursor moved by the reader's hand. */
  cursor(offset: number): void;
}

export class CodeView {
  readonly #view: EditorView;
  readonly #extensions: Extension;

  constructor(place: HTMLElement, text: string, knowledge: Knowledge, events: CodeEvents) {
    const shadow = place.shadowRoot ?? place.attachShadow({ mode: 'open' });
    this.#extensions = [
      lineNumbers(),
      lintGutter(),
      highlightSpecialChars(),
      history(),
      drawSelection(),
      EditorView.lineWrapping,
      hanging,
      indentOnInput(),
      indentUnit.of('  '),
      bracketMatching(),
      closeBrackets(),
      overType,
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSelectionMatches(),
      yaml(),
      colours,
      look,
      assistance(knowledge),
      keymap.of([
        ...closeBracketsKeymap,
        ...completionKeymap,
        ...searchKeymap,
        ...historyKeymap,
        ...lintKeymap,
        ...withoutRun(),
      ]),
      EditorView.contentAttributes.of({ 'aria-label': 'Experiment file, YAML', tabindex: '0' }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) events.changed(update.state.doc.toString());
        events.history({ undo: undoDepth(update.state), redo: redoDepth(update.state) });
        if (update.selectionSet && update.view.hasFocus) events.cursor(update.state.selection.main.head);
      }),
    ];
    this.#view = new EditorView({ state: this.#state(text), parent: shadow, root: shadow });
  }

  /** Another file: nothing of the one before can be undone. */
  load(text: string): void {
    this.#view.setState(this.#state(text));
  }

  /** The whole text is another, by an edit of the form: the least stretch that differs is replaced, the cursor stays. */
  replace(text: string, { alone }: { readonly alone: boolean }): void {
    const { doc } = this.#view.state;
    const { from, to, insert } = difference(doc, text);
    if (from === to && insert === '') return;
    this.#view.dispatch({
      changes: { from, to, insert },
      annotations: [Transaction.userEvent.of('input.form'), ...(alone ? [isolateHistory.of('full')] : [])],
      scrollIntoView: false,
    });
    this.#view.dispatch({
      effects: EditorView.scrollIntoView(Math.min(from, this.#view.state.doc.length), { y: 'nearest' }),
    });
  }

  undo(): void {
    undo(this.#view);
  }
  redo(): void {
    redo(this.#view);
  }

  show(problems: readonly Problem[]): void {
    const { state } = this.#view;
    const diagnostics = problems.map(({ line, column, message, hint }): Diagnostic => {
      const at = state.doc.line(Math.max(1, Math.min(line, state.doc.lines)));
      const from = Math.min(at.to, at.from + Math.max(0, column - 1));
      const word = /^[^\s,{}[\]:]+/u.exec(state.doc.sliceString(from, at.to))?.[0] ?? '';
      return {
        from,
        to: Math.max(Math.min(from + 1, at.to), from + word.length),
        severity: 'error',
        message: hint === '' ? message : `${message}\n${hint}`,
      };
    });
    this.#view.dispatch(setDiagnostics(state, diagnostics));
  }

  goTo(offset: number): void {
    const at = Math.min(offset, this.#view.state.doc.length);
    this.#view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
    this.#view.focus();
  }

  goToLine(line: number, column: number): void {
    const { doc } = this.#view.state;
    const at = doc.line(Math.max(1, Math.min(line, doc.lines)));
    this.goTo(Math.min(at.to, at.from + Math.max(0, column - 1)));
  }

  focus(): void {
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
  }

  #state(text: string): EditorState {
    return EditorState.create({ doc: text, extensions: this.#extensions });
  }
}

/** Ctrl+Enter is the window's: it runs the experiment. */
function withoutRun(): typeof defaultKeymap {
  return defaultKeymap.filter(({ key }) => key !== 'Mod-Enter');
}

/** The stretch that differs, between the longest equal beginning and end. */
export function difference(
  doc: Text | string,
  text: string,
): { readonly from: number; readonly to: number; readonly insert: string } {
  const old = typeof doc === 'string' ? doc : doc.toString();
  const most = Math.min(old.length, text.length);
  let from = 0;
  while (from < most && old.charCodeAt(from) === text.charCodeAt(from)) from++;
  let back = 0;
  while (back < most - from && old.charCodeAt(old.length - 1 - back) === text.charCodeAt(text.length - 1 - back))
    back++;
  return { from, to: old.length - back, insert: text.slice(from, text.length - back) };
}
