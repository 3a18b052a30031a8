// What would make B of A: the steps that turn A's file into one with B's configuration, and the file they give. Name, question,
// notes, tags, seed and expectations stay A's: they do not change what happens.
//
// The steps come from comparing both files as they were written, so that they are in the words of B's author; a step whose
// absence changes nothing (`500ms` for `0.5s`) is left out. They are applied to A's text in place where a value replaces a value,
// by the YAML document otherwise, so that comments stay. Whatever is handed out has been parsed again and has B's configuration:
// where careful editing does not get there (aliases, defaults that depend on what moved), whole sections are taken over.
import { isMap, isScalar, parseDocument, stringify } from 'yaml';
import { configJson, LEFT_OUT_OF_FILE } from '../identity.ts';
import { parseExperiment } from '../parse.ts';
import { pathText, type Path } from '../source.ts';

export interface PatchStep {
  readonly path: Path;
  /** Undefined: the field is removed, so that its default holds. */
  readonly value?: unknown;
}

export interface Patch {
  readonly steps: readonly PatchStep[];
  /** A's file after the steps. */
  readonly text: string;
}

/** Beyond so many steps nobody asks whether one of them could be spared; each question parses the file once. */
const MAX_SPARED = 40;

/** Null where one of the two is no experiment of ours. */
export function patchTo(textA: string, textB: string): Patch | null {
  const a = parseExperiment(textA, { fileName: 'a' });
  const b = parseExperiment(textB, { fileName: 'b' });
  if (!a.ok || !b.ok) return null;
  const wanted = configJson(b.experiment);
  const gives = (text: string): boolean => configurationOf(text) === wanted;
  const whole = stepsBetween(asGroup(a.source.value), asGroup(b.source.value));
  const base = a.source.text;
  if (gives(base)) return { steps: [], text: base };
  for (const edit of [splice, edited]) {
    const text = edit(base, whole);
    if (text === undefined || !gives(text)) continue;
    const steps = spared(whole, (fewer) => {
      const shorter = edit(base, fewer);
      return shorter !== undefined && gives(shorter);
    });
    return { steps, text: edit(base, steps)! };
  }
  return takenOver(asGroup(a.source.value), asGroup(b.source.value));
}

/** One line for each step, as a person would type it: `devices[0].rate: 25Gbit/s`. */
export function stepText({ path, value }: PatchStep): string {
  if (value === undefined) return `remove ${pathText(path)}`;
  const text = stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
  return `${pathText(path)}: ${text}`;
}

type Group = Readonly<Record<string, unknown>>;

const asGroup = (value: unknown): Group => (isGroup(value) ? value : {});

function configurationOf(text: string): string | undefined {
  const parsed = parseExperiment(text, { fileName: 'patched' });
  return parsed.ok ? configJson(parsed.experiment) : undefined;
}

function stepsBetween(a: Group, b: Group): PatchStep[] {
  const steps: PatchStep[] = [];
  compareGroups(a, b, [], steps, LEFT_OUT_OF_FILE);
  return steps;
}

function compareGroups(a: Group, b: Group, path: Path, steps: PatchStep[], without?: ReadonlySet<string>): void {
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (without?.has(key) === true) continue;
    compare(a[key], b[key], [...path, key], steps);
  }
}

function compare(a: unknown, b: unknown, path: Path, steps: PatchStep[]): void {
  if (a === undefined && b === undefined) return;
  if (b === undefined) steps.push({ path });
  else if (isGroup(a) && isGroup(b)) compareGroups(a, b, path, steps);
  else if (Array.isArray(a) && Array.isArray(b) && alike(a, b)) {
    for (const [i, item] of b.entries()) compare(a[i], item, [...path, i], steps);
    // From the end, so that the numbers of the others hold.
    for (let i = a.length - 1; i >= b.length; i--) steps.push({ path: [...path, i] });
  } else if (JSON.stringify(a) !== JSON.stringify(b)) steps.push({ path, value: b });
}

/** Whether the lists have the same items in the same places, as far as both go. */
function alike(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length > 0 && b.length > 0 && a.slice(0, b.length).every((item, i) => nameOf(item) === nameOf(b[i]));
}

const nameOf = (item: unknown): unknown => (isGroup(item) ? (item['name'] ?? '') : undefined);

/** Without the steps that are not needed. */
function spared(steps: readonly PatchStep[], enough: (steps: readonly PatchStep[]) => boolean): readonly PatchStep[] {
  if (steps.length > MAX_SPARED) return steps;
  let needed = steps;
  for (const step of steps) {
    const fewer = needed.filter((other) => other !== step);
    if (enough(fewer)) needed = fewer;
  }
  return needed;
}

/** Where every step puts a scalar in the place of a scalar: nothing else of the text changes, not even its spacing. */
function splice(text: string, steps: readonly PatchStep[]): string | undefined {
  const document = parseDocument(text, { version: '1.2' });
  const cuts: { from: number; to: number; by: string }[] = [];
  for (const { path, value } of steps) {
    if (value === undefined || typeof value === 'object') return undefined;
    const node = document.getIn(path, true);
    if (!isScalar(node) || !node.range || node.anchor !== undefined) return undefined;
    const [from, to] = node.range;
    // A block scalar and what stands in several lines is left to the document.
    if (text.slice(from, to).includes('\n')) return undefined;
    cuts.push({ from, to, by: stringify(value, { lineWidth: 0 }).trimEnd() });
  }
  cuts.sort((x, y) => y.from - x.from);
  let result = text;
  for (const { from, to, by } of cuts) result = result.slice(0, from) + by + result.slice(to);
  return result;
}

/** Through the YAML document: comments stay, spacing may change. */
function edited(text: string, steps: readonly PatchStep[]): string | undefined {
  const document = parseDocument(text, { version: '1.2' });
  try {
    for (const { path, value } of steps) {
      if (value === undefined) document.deleteIn(path);
      else
        document.setIn(path, document.createNode(value, { flow: isFlowAt(document.getIn(path.slice(0, -1), true)) }));
    }
    return document.toString({ lineWidth: 0, flowCollectionPadding: true });
  } catch {
    // A path leads through an alias: the caller takes over whole sections instead.
    return undefined;
  }
}

const isFlowAt = (node: unknown): boolean => isMap(node) && node.flow === true;

/** A's name and expectations, B's configuration: always right, and never brief. */
function takenOver(a: Group, b: Group): Patch {
  const kept = Object.entries(a).filter(([key]) => LEFT_OUT_OF_FILE.has(key));
  const taken = Object.entries(b).filter(([key]) => !LEFT_OUT_OF_FILE.has(key));
  const removed = Object.keys(a).filter((key) => !LEFT_OUT_OF_FILE.has(key) && !(key in b));
  return {
    steps: [...removed.map((key) => ({ path: [key] })), ...taken.map(([key, value]) => ({ path: [key], value }))],
    text: stringify(Object.fromEntries([...kept, ...taken]), { lineWidth: 0, aliasDuplicateObjects: false }),
  };
}

function isGroup(value: unknown): value is Group {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
