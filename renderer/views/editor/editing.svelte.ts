// One experiment being edited: its text and everything that follows from it. Form, picture and schedule read `value`, `facts`
// and `problemsAt`, and write through `edit`; the text side writes through the code view. There is one text and one history.
//
// Theory: every change of the text (from whichever side) comes through changed(). From there: parsed for the form; checked by the
// host a moment later; kept as a draft a little later still. What cannot be read keeps its text, and the form waits.
//
// A short text is parsed at once, so that both sides change in one frame. A long one is parsed by a worker when one pauses, and
// `behind` says that the form is of an older text; its edits are worked out by the worker too (formEdits.ts), and the form shows
// them before the text has them. Of all that takes time one is under way, and the newest text is next.
import type { CheckResult, ExperimentFacts } from '../../../main/contract/experiments.ts';
import type { Problem } from '../../../main/contract/errors.ts';
import { MAX_EXPERIMENT_CHARS } from '../../../main/contract/limits.ts';
import { ServiceError } from '../../../main/contract/errors.ts';
import { call, messageOf } from '../../app/host.svelte.ts';
import type { CodeView } from './code/codeView.ts';
import { applyEdit, isGroup, pathText, valueAt, type Edit, type Path } from './document/edits.ts';
import { FormEdits } from './document/formEdits.ts';
import type { Answers, FormEdit } from './document/questions.ts';
import { isLong, Reader } from './document/reader.ts';
import { seenBy } from './document/seen.ts';
import { editYaml } from './document/yamlText.ts';
import { isOptionalGroup, keysAt, readSchema, type Field } from './schema/fields.ts';
import { sectionOf } from './schema/sections.ts';
import { Draft } from './draft.svelte.ts';
import { ownName, source, type Origin, type Source } from './origin.ts';

const CHECK_AFTER_MS = 150;
/** Of a long text: the host takes as long for it as a person for a few keys. */
const CHECK_LONG_AFTER_MS = 600;
/** From here on the limit is told. */
const NEARLY_FULL = 0.8;
const TOO_LARGE = 'the file is larger than 1 MiB';

export class Editing {
  state = $state<'loading' | 'ready' | 'absent' | 'failed'>('loading');
  trouble = $state('');
  origin = $state.raw<Origin>({ kind: 'new', id: '' });
  fileName = $state('experiment.yaml');
  text = $state.raw('');
  /** The file as it was last readable. */
  value = $state.raw<unknown>({});
  /** Why the form waits; '' while text and form agree. */
  unreadable = $state('');
  /** `value` is of an older text than that which stands there: a long one is read when one pauses. */
  behind = $state(false);
  /** Bytes of the text, as the limit counts them; far from it, about. */
  bytes = $state(0);
  schema = $state.raw<Field | null>(null);

  checking = $state(false);
  /** The text that the host's opinion is of. */
  judged = $state.raw<string | null>(null);
  /** Why there is no opinion of the host; ''. */
  checkTrouble = $state('');
  problems = $state.raw<readonly Problem[]>([]);
  /** Of the last text without problems. */
  facts = $state.raw<ExperimentFacts | null>(null);
  resolved = $state.raw<unknown>(null);
  estimate = $state.raw<CheckResult['estimate']>(null);
  /** Of the last text without problems: the schedule keeps its axis while one types. */
  simulatedNs = $state(0);

  depths = $state.raw({ undo: 0, redo: 0 });

  /** Path (as text) of the field that is pointed at: its part of the picture is lit. */
  lit = $state('');
  /** Path of the field that was to be shown last: long lists turn to its page. */
  revealed = $state.raw<Path>([]);
  /** Sections and groups of the form that are open or closed by hand, by path. */
  opened = $state<Record<string, boolean>>({});

  readonly problemsByPath = $derived.by((): ReadonlyMap<string, readonly Problem[]> => {
    const found = new Map<string, Problem[]>();
    for (const problem of this.problems) found.set(problem.path, [...(found.get(problem.path) ?? []), problem]);
    return found;
  });
  readonly nearlyFull = $derived(this.bytes > NEARLY_FULL * MAX_EXPERIMENT_CHARS);
  readonly tooLarge = $derived(this.bytes > MAX_EXPERIMENT_CHARS);
  readonly name = $derived.by(() => {
    const name = valueAt(this.value, ['name']);
    return typeof name === 'string' && name !== '' ? name : this.fileName;
  });

  #code: CodeView | undefined;
  #original = '';
  #crlf = false;
  #checkTimer: ReturnType<typeof setTimeout> | undefined;
  #underCheck: Promise<void> | undefined;
  #underReading: Promise<void> | undefined;
  #destroyed = false;
  #cursor = 0;
  /** Answers what code view and form ask about the text. */
  readonly reader = new Reader();
  readonly draft: Draft;
  readonly #edits: FormEdits;

  /**
   * `onDraft`: what is edited has become draft number `id`; its address changes. `onRefused`: an edit of the form that was taken
   * could not be made after all.
   */
  constructor(onDraft: (id: number) => void, onRefused: (why: string) => void) {
    this.draft = new Draft(() => {
      const { name, text, fileName } = this;
      return this.tooLarge ? TOO_LARGE : { name, text, fileName };
    }, onDraft);
    this.#edits = new FormEdits(
      {
        text: () => this.text,
        replace: (text, options) => {
          this.#replace(text, options);
        },
        refused: onRefused,
        // What was refused is still shown, and what was made is what is shown already: the text says which.
        settled: () => {
          this.behind = true;
          void this.#follow();
        },
      },
      (question) => this.reader.ask(question),
    );
  }

  // --- Where it comes from --------------------------------------------------------------------------------------------

  isShowing({ kind, id }: Origin): boolean {
    return (this.origin.kind === kind && this.origin.id === id) || (kind === 'draft' && this.draft.isNumber(id));
  }

  async open(origin: Origin): Promise<void> {
    await this.draft.flush();
    this.state = 'loading';
    this.origin = origin;
    try {
      const [schema, found] = await Promise.all([
        this.schema ?? call('app.schema', {}).then(readSchema),
        source(origin),
      ]);
      if (this.origin !== origin) return;
      this.schema = schema;
      if (found === null) {
        this.state = 'absent';
        return;
      }
      await this.#begin(found);
    } catch (error) {
      if (this.origin !== origin) return;
      const absent = error instanceof ServiceError && error.kind === 'absent';
      this.state = absent ? 'absent' : 'failed';
      this.trouble = messageOf(error);
    }
  }

  async #begin(found: Source): Promise<void> {
    const { origin } = this;
    const { text: written, fileName } = found;
    this.#crlf = written.includes('\r\n');
    // The code view has lines, not line ends; a file gets its own back.
    const text = written.replaceAll('\r\n', '\n');
    this.draft.begin(found);
    this.#original = text;
    this.fileName = ownName(fileName);
    this.judged = null;
    this.problems = [];
    this.facts = null;
    this.resolved = null;
    this.estimate = null;
    this.opened = {};
    this.value = {};
    this.#edits.clear();
    clearTimeout(this.#checkTimer);
    this.#checkTimer = undefined;
    this.#set(text);
    this.#code?.load(text);
    void this.#check();
    await this.#take();
    if (this.origin === origin) this.state = 'ready';
  }

  /** The code view's; it is there as long as the pane is. */
  attach(code: CodeView): () => void {
    this.#code = code;
    code.show(this.problems);
    return () => {
      this.#code = undefined;
    };
  }

  // --- Changes --------------------------------------------------------------------------------------------------------

  /**
   * An edit from the form or the pictures. `alone`: a step of its own in the history. Returns what went wrong, or ''. In a long
   * text it is made a little later; what goes wrong then is told by `onRefused`.
   */
  edit(edit: Edit, alone = true): string {
    return this.#make([edit], alone);
  }

  /** Several edits as one step. */
  editAll(edits: readonly Edit[]): string {
    return this.#make(edits, true);
  }

  #make(edits: readonly Edit[], alone: boolean): string {
    let { value, text } = this;
    const later = isLong(text) || this.#edits.waiting > 0;
    if (later && this.unreadable !== '') return `the text cannot be read: ${this.unreadable}`;
    const steps: FormEdit[] = [];
    for (const edit of edits) {
      const orders = this.#ordersOn(edit.path, value);
      steps.push({ edit, seen: seenBy(value, edit), orders });
      value = applyEdit(value, edit);
      if (later) continue;
      const result = editYaml(text, edit, (group) => orders[group.length] ?? []);
      if (!result.ok) return result.why;
      text = result.text;
    }
    if (later) {
      this.value = value;
      this.#edits.push({ edits: steps, alone });
    } else this.#replace(text, { alone });
    return '';
  }

  /** Of the groups on the way to a field, the root first: the order of keys in them. */
  #ordersOn(path: Path, value: unknown): (readonly string[])[] {
    const { schema } = this;
    return schema === null ? [] : path.map((_, length) => keysAt(schema, path.slice(0, length), value));
  }

  #replace(text: string, options: { readonly alone: boolean }): void {
    if (this.#code !== undefined) this.#code.replace(text, options);
    // The view is being left: what was asked for is still kept.
    else if (text !== this.text) this.changed(text);
  }

  /** Back to the default; groups that are left with nothing go with it, where having them means nothing. */
  unset(path: Path): string {
    let at = path;
    while (at.length > 1) {
      const parent = at.slice(0, -1);
      const group = valueAt(this.value, parent);
      const optional =
        typeof parent.at(-1) === 'string' && this.schema !== null && isOptionalGroup(this.schema, parent);
      if (!optional || !isGroup(group) || Object.keys(group).length > 1) break;
      at = parent;
    }
    return this.edit({ kind: 'unset', path: at });
  }

  /** From the code view: the text is this now. */
  changed(text: string): void {
    this.#set(text);
    const long = isLong(text);
    if (long) this.behind = true;
    else void this.#take();
    clearTimeout(this.#checkTimer);
    this.#checkTimer = setTimeout(
      () => {
        this.#checkTimer = undefined;
        void this.#follow();
        void this.#check();
      },
      long ? CHECK_LONG_AFTER_MS : CHECK_AFTER_MS,
    );
    this.draft.changed();
  }

  #set(text: string): void {
    this.text = text;
    // A character has three bytes at most: far from the limit nobody asks how many they are.
    const far = text.length * 3 < NEARLY_FULL * MAX_EXPERIMENT_CHARS;
    this.bytes = far ? text.length : new TextEncoder().encode(text).length;
  }

  undo(): void {
    this.#code?.undo();
  }
  redo(): void {
    this.#code?.redo();
  }

  /** As it was when it was opened; can be undone. */
  revert(): void {
    this.#code?.replace(this.#original, { alone: true });
  }
  /** As a file has it. */
  get fileText(): string {
    return this.#crlf ? this.text.replaceAll('\n', '\r\n') : this.text;
  }
  get isChanged(): boolean {
    return this.text !== this.#original;
  }

  /** The text as it is now, for the form: at once where it is short. */
  #take(): Promise<void> {
    if (this.tooLarge) {
      this.unreadable = TOO_LARGE;
      this.behind = false;
      return Promise.resolve();
    }
    const { text } = this;
    const read = this.reader.ask({ kind: 'read', text });
    if (!(read instanceof Promise)) {
      this.#show(read);
      return Promise.resolve();
    }
    return read.then((found) => {
      // Form edits on their way are shown already; when the last is made, the text is read again.
      if (text === this.text && this.#edits.waiting === 0) this.#show(found);
    });
  }

  #show({ value, error }: Answers['read']): void {
    this.behind = false;
    if (error === null) {
      this.value = isGroup(value) ? value : {};
      this.unreadable = value === null || value === undefined || isGroup(value) ? '' : 'the file is no group of fields';
    } else {
      const line = this.text.slice(0, error.offset).split('\n').length;
      this.unreadable = `line ${line}: ${error.message}`;
    }
    void this.#point();
  }

  /** Until the form is of the text as it is now, or somebody types on. */
  #follow(): Promise<void> {
    this.#underReading ??= (async () => {
      while (this.behind && this.#checkTimer === undefined && this.#edits.waiting === 0 && !this.#destroyed)
        await this.#take();
    })().finally(() => (this.#underReading = undefined));
    return this.#underReading;
  }

  // --- The host's opinion ---------------------------------------------------------------------------------------------

  /** What the host thinks of the text as it is now, not of that of a moment ago; with what was asked for in the form. */
  async settled(): Promise<void> {
    await this.#edits.settled();
    if (this.judged === this.text) return;
    clearTimeout(this.#checkTimer);
    this.#checkTimer = undefined;
    await Promise.all([this.#follow(), this.#check()]);
  }

  /** Until the host has said what it thinks of the text as it is now, or somebody types on. */
  #check(): Promise<void> {
    this.#underCheck ??= this.#checkOn().finally(() => {
      this.#underCheck = undefined;
      this.checking = false;
    });
    return this.#underCheck;
  }

  async #checkOn(): Promise<void> {
    for (let text: string | null = null; text !== this.text && !this.#destroyed && this.#checkTimer === undefined;) {
      ({ text } = this);
      if (this.tooLarge) {
        this.#judge({ problems: [tooLargeProblem(this.fileName)], estimate: null, facts: null, resolved: null });
        this.judged = text;
        continue;
      }
      this.checking = true;
      this.checkTrouble = '';
      try {
        const result = await call('experiments.check', { text, fileName: this.fileName });
        if (text !== this.text) continue;
        this.#judge(result);
        this.judged = text;
      } catch (error) {
        if (text === this.text) this.checkTrouble = messageOf(error);
      }
    }
  }

  #judge({ problems, facts, resolved, estimate }: CheckResult): void {
    this.problems = problems;
    this.estimate = estimate;
    if (estimate !== null) this.simulatedNs = estimate.simulatedNs;
    if (facts !== null) this.facts = facts;
    if (resolved !== null) this.resolved = resolved;
    this.#code?.show(problems);
  }

  /** What the other window has kept, in place of this text; undo brings this one back. */
  async takeOther(): Promise<void> {
    const other = await this.draft.takeOther();
    // Deleted since: what is here is all there is.
    if (other === null) await this.draft.keepBoth();
    else this.#code?.replace(other, { alone: true });
  }

  // --- Ways between the sides -----------------------------------------------------------------------------------------

  problemsAt(path: Path): readonly Problem[] {
    return this.problemsByPath.get(pathText(path)) ?? [];
  }

  /** How many there are at and below a path. */
  countBelow(key: string): number {
    return this.problems.filter(({ path }) => path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[`))
      .length;
  }

  /** Opens the form where a field is, and puts the focus there. */
  reveal(path: Path): void {
    const [key] = path;
    if (typeof key !== 'string') return;
    const opened: Record<string, boolean> = { [`section:${sectionOf(key)}`]: true };
    for (let length = 1; length <= path.length; length++) opened[pathText(path.slice(0, length))] = true;
    Object.assign(this.opened, opened);
    this.revealed = [...path];
    requestAnimationFrame(() => {
      for (let length = path.length; length > 0; length--) {
        const place = document.getElementById(fieldId(path.slice(0, length)));
        if (place === null) continue;
        place.scrollIntoView({ block: 'center' });
        place.focus({ preventScroll: true });
        return;
      }
      document.getElementById(`section-${sectionOf(key)}`)?.scrollIntoView({ block: 'start' });
    });
  }

  async showInText(path: Path): Promise<void> {
    const { text } = this;
    const offset = await this.reader.ask({ kind: 'offsetOf', text, path });
    if (text === this.text) this.#code?.goTo(offset);
  }
  focusText(): void {
    this.#code?.focus();
  }
  goToProblem({ line, column }: Problem): void {
    this.#code?.goToLine(line, column);
  }
  /** The cursor is here in the text: the picture shows which part that is. */
  cursorAt(offset: number): void {
    this.#cursor = offset;
    void this.#point();
  }
  /** Of a long text when it has been read: the answer is quick then. */
  async #point(): Promise<void> {
    if (this.behind || this.state !== 'ready') return;
    const [text, offset] = [this.text, this.#cursor];
    const found = await this.reader.ask({ kind: 'pathAt', text, offset });
    if (text === this.text && offset === this.#cursor) this.lit = found === null ? '' : pathText(found.path);
  }

  destroy(): void {
    clearTimeout(this.#checkTimer);
    this.#destroyed = true;
    // What was asked for in the form a moment ago is kept too.
    void this.#edits
      .settled()
      .then(() => this.draft.flush())
      .finally(() => {
        this.reader.close();
      });
  }
}

/** The element that carries a field. */
export function fieldId(path: Path): string {
  return `field-${pathText(path)}`;
}

function tooLargeProblem(file: string): Problem {
  return {
    file,
    line: 1,
    column: 1,
    path: '',
    message: `${TOO_LARGE}, the most that an experiment may have`,
    hint: 'Take lists apart: a change with `every` and `times` stands for many.',
  };
}
