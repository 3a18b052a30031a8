// `brownout uapi FILE…`: runs ioctl scripts against the modelled kernel and prints what each step answered.
import { parseScripts } from '../../../engine/uapi/parse.ts';
import { describeProblem } from '../../../engine/uapi/problems.ts';
import { RESULT_FORMAT, mismatchLine, resultObject } from '../../../engine/uapi/report.ts';
import { runScript } from '../../../engine/uapi/run.ts';
import { TYPE1_RULES, type Type1Rules } from '../../../engine/vfio/type1-rules.ts';
import { UsageError, nearest, type Command, type Words } from '../command.ts';
import { EXIT, type Terminal } from '../terminal.ts';
import { printable, printableJson } from '../text.ts';
import { readTextFile } from '../textFile.ts';

const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MISMATCH_SHOWN = 2000;

export const command: Command = {
  operands: 'FILE…',
  purpose: 'run ioctl scripts and print every answer',
  details:
    'FILE is a script of VFIO and iommufd calls in JSON (docs/uapi-script.md), or an array of them; - reads standard input. Each step prints one line of JSON with its actual result. Where a step differs from what its script expects, standard error says so, and the exit code is 1.',
  options: {
    json: { type: 'boolean', help: 'one JSON document instead of lines' },
    rules: {
      type: 'string',
      value: 'NAME',
      help: `how the type1 container answers: ${Object.keys(TYPE1_RULES).join(', ')}`,
    },
  },
  takes: [1, Infinity],
  run(words, terminal) {
    const type1Rules = rulesNamed(words);
    const files = words.positionals.map((name) => ({
      name: name === '-' ? '(standard input)' : name,
      text: readTextFile(name, 'a script file', MAX_FILE_BYTES),
    }));
    const { scripts, problems } = parseScripts(files);
    for (const problem of problems) terminal.say(printable(describeProblem(problem), MISMATCH_SHOWN));
    if (problems.length > 0) return Promise.resolve(EXIT.wrongInput);

    const results = new Results(terminal, words.flag('json'));
    let mismatches = 0;
    let wrong = 0;
    for (const script of scripts) {
      if (terminal.interrupted.aborted) break;
      const problem = runScript(
        script,
        (result) => {
          results.add(resultObject(result));
          if (result.mismatch === undefined) return;
          mismatches++;
          terminal.say(printable(mismatchLine(result), MISMATCH_SHOWN));
        },
        { type1Rules },
      );
      if (problem === undefined) continue;
      wrong++;
      terminal.say(printable(describeProblem(problem), MISMATCH_SHOWN));
    }
    results.end();
    if (terminal.interrupted.aborted) return Promise.resolve(EXIT.interrupted);
    return Promise.resolve(wrong > 0 ? EXIT.wrongInput : mismatches > 0 ? EXIT.failed : EXIT.done);
  },
};

function rulesNamed(words: Words): Type1Rules {
  const name = words.text('rules') ?? 'merged';
  const rules = new Map<string, Type1Rules>(Object.entries(TYPE1_RULES));
  const chosen = rules.get(name);
  if (chosen !== undefined) return chosen;
  const meant = nearest(name, rules.keys());
  const hint = meant === undefined ? `expected one of ${[...rules.keys()].join(', ')}` : `did you mean ${meant}?`;
  throw new UsageError(`--rules ${printable(name)}: ${hint}`);
}

/** Lines or one document, in pieces large enough that writing costs little. */
class Results {
  static readonly #PIECE = 1 << 16;
  readonly #terminal: Terminal;
  readonly #json: boolean;
  #pending: string;
  #any = false;

  constructor(terminal: Terminal, json: boolean) {
    this.#terminal = terminal;
    this.#json = json;
    this.#pending = json ? `{"format":${JSON.stringify(RESULT_FORMAT)},"results":[` : '';
  }

  add(result: object): void {
    const text = printableJson(result, 0);
    if (this.#json) this.#pending += `${this.#any ? ',' : ''}\n${text}`;
    else this.#pending += `${text}\n`;
    this.#any = true;
    if (this.#pending.length >= Results.#PIECE) this.#write();
  }

  end(): void {
    if (this.#json) this.#pending += `${this.#any ? '\n' : ''}]}\n`;
    this.#write();
  }

  #write(): void {
    this.#terminal.out(this.#pending);
    this.#pending = '';
  }
}
