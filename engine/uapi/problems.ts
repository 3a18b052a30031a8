// What is wrong with a script, as data: where, and what would be right. A file is read to its end, so that all of it comes
// at once; the list is cut where it would drown the reader.
export interface ScriptProblem {
  readonly file: string;
  /** Name of the script, or undefined where it has none that can be read. */
  readonly script: string | undefined;
  /** Step, counted from 0. */
  readonly step: number | undefined;
  /** Where in the script, as `machine.iommu.format` or `steps[3].args.iova`. */
  readonly path: string;
  readonly message: string;
}

const PROBLEMS_MAX = 100;

/** Collects problems of one file. */
export class Problems {
  readonly list: ScriptProblem[] = [];
  readonly file: string;
  script: string | undefined;
  step: number | undefined;

  constructor(file: string) {
    this.file = file;
  }

  add(path: string, message: string): void {
    if (this.list.length >= PROBLEMS_MAX) return;
    this.list.push({ file: this.file, script: this.script, step: this.step, path, message });
  }

  /** As `add`, for readers that answer null where they find nothing they can use. */
  reject(path: string, message: string): null {
    this.add(path, message);
    return null;
  }
}

/** A script that turns out to be wrong while it runs: a name never bound, more work than the runner takes. */
export class ScriptError extends Error {
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.name = 'ScriptError';
    this.path = path;
  }
}

export function describeProblem(problem: ScriptProblem): string {
  const where = [
    problem.file,
    problem.script,
    problem.step === undefined ? undefined : `step ${problem.step}`,
    problem.path === '' ? undefined : problem.path,
  ];
  return `${where.filter((part) => part !== undefined).join(': ')}: ${problem.message}`;
}
