// One experiment being edited: its text and everything that follows from it. Form, picture and schedule read `value`, `facts`
// and `problemsAt`, and write through `edit`; the text side writes through the code view. There is one text and one history.
//
// Theory: every change of the text (from whichever side) comes through #changed. From there: parsed at once for the form;
// checked by the host a moment later (the latest answer wins); kept as a draft a little later still. What cannot be read keeps
// its text, and the form waits.
import { checkResultSchema, type CheckResult, type ExperimentFacts } from '../../../main/contract/experiments.ts';
import type { Problem } from '../../../main/contract/errors.ts';
import { MAX_EXPERIMENT_CHARS, MAX_NAME_CHARS } from '../../../main/contract/limits.ts';
import { ServiceError } from '../../../main/contract/errors.ts';
import { call, messageOf } from '../../app/host.svelte.ts';
import type { CodeView } from './code/codeView.ts';
import { isGroup, pathText, valueAt, type Edit, type Path } from './document/edits.ts';
import { editYaml, readYaml } from './document/yamlText.ts';
import { offsetOfPath, pathAtOffset } from './document/yamlPlaces.ts';
import { keysAt, readSchema, type Field } from './schema/fields.ts';
import { sectionOf } from './schema/sections.ts';
import { ownName, saveDraft, source, type Origin, type Source } from './origin.ts';

const CHECK_AFTER_MS = 150;
/** Of a long text: reading it takes longer than the time between two keys. */
const CHECK_LONG_AFTER_MS = 900;
const SAVE_AFTER_MS = 700;
/** A text longer than this is read for the form only when one pauses. */
const LONG_CHARS = 100_000;
/** From here on the limit is told. */
const NEARLY_FULL = 0.8;

export type SaveState =
  | 'untouched'
  | 'waiting'
  | 'saving'
  | 'saved'
  | 'failed'
  /** Another window has kept another text of this draft: nothing is kept until the person has chosen. */
  | 'conflict';

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
  /** Bytes of the text, as the limit counts them. */
  bytes = $state(0);
  schema = $state.raw<Field | null>(null);

  checking = $state(false);
  /** Why there is no opinion of the host; ''. */
  checkTrouble = $state('');
  problems = $state.raw<readonly Problem[]>([]);
  /** Of the last text without problems. */
  facts = $state.raw<ExperimentFacts | null>(null);
  resolved = $state.raw<unknown>(null);
  estimate = $state.raw<CheckResult['estimate']>(null);
  /** Of the last text without problems: the schedule keeps its axis while one types. */
  simulatedNs = $state(0);

  save = $state<SaveState>('untouched');
  saveTrouble = $state('');
  depths = $state.raw({ undo: 0, redo: 0 });

  /** Path (as text) of the field that is pointed at: its part of the picture is lit. */
  lit = $state('');
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
  /** The text that the host's opinion is of. */
  #judged: string | null = null;
  #crlf = false;
  #draftId: number | null = null;
  /** Of the draft as this window knows it. */
  #draftMs: number | null = null;
  #checkTimer: ReturnType<typeof setTimeout> | undefined;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> = Promise.resolve();
  #asked = 0;
  #onDraft: (id: number) => void;

  /** `onDraft`: what is edited has become draft number `id`; its address changes. */
  constructor(onDraft: (id: number) => void) {
    this.#onDraft = onDraft;
  }

  // --- Where it comes from --------------------------------------------------------------------------------------------

  isShowing({ kind, id }: Origin): boolean {
    return (
      (this.origin.kind === kind && this.origin.id === id) || (kind === 'draft' && id === String(this.#draftId ?? ''))
    );
  }

  async open(origin: Origin): Promise<void> {
    await this.flush();
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
      this.#begin(found);
    } catch (error) {
      if (this.origin !== origin) return;
      const absent = error instanceof ServiceError && error.kind === 'absent';
      this.state = absent ? 'absent' : 'failed';
      this.trouble = messageOf(error);
    }
  }

  #begin({ text: written, fileName, draftId, draftMs }: Source): void {
    this.#crlf = written.includes('\r\n');
    // The code view has lines, not line ends; a file gets its own back.
    const text = written.replaceAll('\r\n', '\n');
    this.#draftId = draftId;
    this.#draftMs = draftMs;
    this.#original = text;
    this.fileName = ownName(fileName);
    this.save = draftId === null ? 'untouched' : 'saved';
    this.#judged = null;
    this.problems = [];
    this.facts = null;
    this.resolved = null;
    this.estimate = null;
    this.opened = {};
    this.value = {};
    this.#take(text);
    this.#code?.load(text);
    this.state = 'ready';
    void this.#check();
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

  /** An edit from the form or the pictures. `alone`: a step of its own in the history. Returns what went wrong, or ''. */
  edit(edit: Edit, alone = true): string {
    const order = (group: Path): readonly string[] =>
      this.schema === null ? [] : keysAt(this.schema, group, this.value);
    const result = editYaml(this.text, edit, order);
    if (!result.ok) return result.why;
    this.#code?.replace(result.text, { alone });
    return '';
  }

  /** Several edits as one step. */
  editAll(edits: readonly Edit[]): string {
    let text = this.text;
    for (const edit of edits) {
      const order = (group: Path): readonly string[] =>
        this.schema === null ? [] : keysAt(this.schema, group, readYaml(text).value);
      const result = editYaml(text, edit, order);
      if (!result.ok) return result.why;
      text = result.text;
    }
    this.#code?.replace(text, { alone: true });
    return '';
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
    const long = text.length > LONG_CHARS;
    if (long) this.text = text;
    else this.#take(text);
    clearTimeout(this.#checkTimer);
    this.#checkTimer = setTimeout(
      () => {
        if (long) this.#take(this.text);
        void this.#check();
      },
      long ? CHECK_LONG_AFTER_MS : CHECK_AFTER_MS,
    );
    if (this.save === 'conflict') return;
    this.save = 'waiting';
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => void this.flush(), SAVE_AFTER_MS);
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

  #take(text: string): void {
    this.text = text;
    this.bytes = new TextEncoder().encode(text).length;
    if (this.tooLarge) {
      this.unreadable = 'the file is larger than 1 MiB';
      return;
    }
    const { value, error } = readYaml(text);
    if (error === null) {
      this.value = isGroup(value) ? value : {};
      this.unreadable = value === null || value === undefined || isGroup(value) ? '' : 'the file is no group of fields';
    } else {
      const line = text.slice(0, error.offset).split('\n').length;
      this.unreadable = `line ${line}: ${error.message}`;
    }
  }

  // --- The host's opinion ---------------------------------------------------------------------------------------------

  /** What the host thinks of the text as it is now, not of that of a moment ago. */
  async settled(): Promise<void> {
    if (this.#judged === this.text) return;
    clearTimeout(this.#checkTimer);
    this.#take(this.text);
    await this.#check();
  }

  async #check(): Promise<void> {
    const asked = ++this.#asked;
    const { text } = this;
    if (this.tooLarge) {
      this.#judge({ problems: [tooLargeProblem(this.fileName)], estimate: null, facts: null, resolved: null });
      return;
    }
    this.checking = true;
    this.checkTrouble = '';
    try {
      const result = await call('experiments.check', { text, fileName: this.fileName });
      if (asked !== this.#asked) return;
      this.#judge(checkResultSchema.parse(result));
      this.#judged = text;
    } catch (error) {
      if (asked === this.#asked) this.checkTrouble = messageOf(error);
    } finally {
      if (asked === this.#asked) this.checking = false;
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

  // --- Drafts ---------------------------------------------------------------------------------------------------------

  /** Keeps what is waiting to be kept. Resolves when it is, or when that failed (`save` says so). */
  flush(): Promise<void> {
    clearTimeout(this.#saveTimer);
    if (this.save !== 'waiting' && this.save !== 'failed') return this.#saving;
    if (this.tooLarge) {
      this.save = 'failed';
      this.saveTrouble = 'the file is larger than 1 MiB';
      return this.#saving;
    }
    this.save = 'saving';
    const { text, fileName } = this;
    const name = this.name.slice(0, MAX_NAME_CHARS);
    this.#saving = this.#saving.then(async () => {
      try {
        const made = this.#draftId === null;
        const draft = await saveDraft(this.#draftId, this.#draftMs, { name, text, fileName });
        this.#draftId = draft.id;
        this.#draftMs = draft.updatedMs;
        if (this.save === 'saving') this.save = 'saved';
        this.saveTrouble = '';
        if (made) this.#onDraft(draft.id);
      } catch (error) {
        this.save = error instanceof ServiceError && error.kind === 'conflict' ? 'conflict' : 'failed';
        this.saveTrouble = messageOf(error);
      }
    });
    return this.#saving;
  }

  /** Two windows, two texts: what is in this one becomes a draft of its own, and both stay. */
  keepBoth(): Promise<void> {
    this.#draftId = null;
    this.#draftMs = null;
    this.save = 'waiting';
    return this.flush();
  }

  /** What the other window has kept, in place of this text; undo brings this one back. */
  async takeOther(): Promise<void> {
    const other = (await call('drafts.list', {})).find(({ id }) => id === this.#draftId);
    // Deleted since: what is here is all there is.
    if (other === undefined) return this.keepBoth();
    this.#draftMs = other.updatedMs;
    this.save = 'saved';
    this.#code?.replace(other.text, { alone: true });
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

  showInText(path: Path): void {
    this.#code?.goTo(offsetOfPath(readYaml(this.text).document, path));
  }
  focusText(): void {
    this.#code?.focus();
  }
  goToProblem({ line, column }: Problem): void {
    this.#code?.goToLine(line, column);
  }
  /** The cursor is here in the text: the picture shows which part that is. */
  cursorAt(offset: number): void {
    const found = this.text.length > 200_000 ? null : pathAtOffset(readYaml(this.text).document, offset);
    this.lit = found === null ? '' : pathText(found.path);
  }

  destroy(): void {
    clearTimeout(this.#checkTimer);
    this.#asked++;
    void this.flush();
  }
}

/** The element that carries a field. */
export function fieldId(path: Path): string {
  return `field-${pathText(path)}`;
}

function isOptionalGroup(schema: Field, path: Path): boolean {
  let fields: readonly Field[] = schema.fields;
  let field: Field | undefined;
  for (const step of path) {
    if (typeof step === 'number') return false;
    field = fields.find(({ key }) => key === step);
    fields = field?.fields ?? [];
  }
  return field?.kind === 'group' && !field.required;
}

function tooLargeProblem(file: string): Problem {
  return {
    file,
    line: 1,
    column: 1,
    path: '',
    message: 'the file is larger than 1 MiB, the most that an experiment may have',
    hint: 'Take lists apart: a change with `every` and `times` stands for many.',
  };
}
