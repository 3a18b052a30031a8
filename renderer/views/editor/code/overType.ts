// Typing over a selection, done by ourselves. Chromium would keep the colours of the text that goes, with a style attribute on
// what it inserts: the content security policy forbids that and complains of it on the console, at every such key.
import { EditorView } from '@codemirror/view';
import type { Transaction } from '@codemirror/state';

export const overType = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { data, inputType, cancelable, isComposing } = event;
    const { from, to, empty } = view.state.selection.main;
    if (inputType !== 'insertText' || data === null || empty || !cancelable || isComposing || view.composing)
      return false;
    const insert = (): Transaction =>
      view.state.update(view.state.replaceSelection(data), { userEvent: 'input.type', scrollIntoView: true });
    // As CodeMirror does with what was typed: brackets are put around a selection, for one.
    const handlers = view.state.facet(EditorView.inputHandler);
    if (!handlers.some((handler) => handler(view, from, to, data, insert))) view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});
