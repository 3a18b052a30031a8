// The one axis of time that several charts share: what is shown of it, where the cursor is, what is selected, the two marks of
// a measurement. Charts read it and draw; whoever handles keys and pointers changes it through these few acts.
import { around, centred, contains, overlap, panned, spanOf, within, zoomed, type Span } from './span.ts';

export type Mark = 'a' | 'b';

export class TimeAxis {
  /** All there is. */
  extent = $state.raw<Span>({ fromNs: 0, toNs: 1e9 });
  /** What is shown. */
  view = $state.raw<Span>({ fromNs: 0, toNs: 1e9 });
  /** Where the pointer or the keyboard's cursor is; null: nowhere. */
  cursorNs = $state<number | null>(null);
  selection = $state.raw<Span | null>(null);
  marks = $state.raw<Readonly<Record<Mark, number | null>>>({ a: null, b: null });
  /** Pixels between the left and the right edge of the charts. */
  widthPx = $state(0);

  readonly whole = $derived(this.view.fromNs <= this.extent.fromNs && this.view.toNs >= this.extent.toNs);
  readonly nsPerPixel = $derived(this.widthPx <= 0 ? 1 : (this.view.toNs - this.view.fromNs) / this.widthPx);

  xOf(timeNs: number): number {
    return (timeNs - this.view.fromNs) / this.nsPerPixel;
  }
  timeAt(x: number): number {
    return this.view.fromNs + x * this.nsPerPixel;
  }

  show(span: Span): void {
    const next = within(span, this.extent);
    if (next.fromNs !== this.view.fromNs || next.toNs !== this.view.toNs) this.view = next;
  }
  /** A new extent; a view of the whole stays one. */
  grow(extent: Span): void {
    const { whole } = this;
    if (extent.fromNs === this.extent.fromNs && extent.toNs === this.extent.toNs) return;
    this.extent = extent;
    this.view = whole ? extent : within(this.view, extent);
  }
  zoom(factor: number, atNs: number | null = null): void {
    const { cursorNs, view } = this;
    const middle = (view.fromNs + view.toNs) / 2;
    const at = atNs ?? (cursorNs !== null && contains(view, cursorNs) ? cursorNs : middle);
    this.show(zoomed(view, this.extent, factor, at));
  }
  pan(share: number): void {
    this.show(panned(this.view, this.extent, share));
  }
  fit(span: Span = this.extent, room = 0): void {
    this.show(room === 0 ? span : around(span, this.extent, room));
  }
  centre(atNs: number): void {
    this.show(centred(this.view, this.extent, atNs));
  }
  /** Brings a moment into sight, without moving where it already is. */
  reveal(atNs: number): void {
    if (!contains(this.view, atNs)) this.centre(atNs);
  }
  select(aNs: number, bNs: number): void {
    this.selection = overlap(spanOf(aNs, bNs), this.extent);
  }
  mark(which: Mark, atNs: number | null): void {
    this.marks = { ...this.marks, [which]: atNs };
  }
  /** Marks first, then the selection, then the cursor: one press of Esc for each. False where there was nothing. */
  clear(): boolean {
    if (this.selection !== null) this.selection = null;
    else if (this.marks.a !== null || this.marks.b !== null) this.marks = { a: null, b: null };
    else if (this.cursorNs !== null) this.cursorNs = null;
    else return false;
    return true;
  }
}
