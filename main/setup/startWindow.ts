// What `npm start` does: the desktop window, or, where there can be none, one line that says why and the same app in a browser.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { serve } from '../cli/commands/serve.ts';
import { UsageError, type Command } from '../cli/command.ts';
import { dbOption, storeFile } from '../cli/storeOption.ts';
import { EXIT, type ExitCode, type Terminal } from '../cli/terminal.ts';
import { printable } from '../cli/text.ts';
import { SHOWN } from '../electron/desktop.ts';
import { FileTrouble, findFile } from '../electron/openFiles.ts';
import { readFileToImport } from '../import/files.ts';
import { ImportError } from '../import/problem.ts';
import { Store } from '../store/store.ts';
import { ROOT } from './built.ts';
import { ensureDesktop } from './desktop.ts';
import { electronBinary, fetchElectron, firstLine, noDesktop } from './electronBinary.ts';
import { ensureWindow } from './window.ts';

export const command: Command = {
  calledBy: 'npm start --',
  operands: '[FILE…]',
  purpose: 'open the lab: in a window of its own, else in a browser on this machine',
  details: 'Ctrl-C ends it: simulations under way are cancelled and kept.',
  options: {
    browser: { type: 'boolean', help: 'serve the lab to a browser, even where a window could be opened' },
    port: { type: 'string', value: 'N', help: 'in a browser: on this port (default: any that is free)' },
    'allow-qemu': { type: 'boolean', help: 'let experiments with backend: qemu start QEMU on this machine' },
    db: dbOption,
  },
  takes: [0, 20],
  async run(words, terminal) {
    const files = words.positionals.map((word) => resolve(word));
    for (const [i, file] of files.entries()) {
      if (!existsSync(file) || !statSync(file).isFile()) {
        throw new UsageError(`there is no file ${printable(words.positionals[i] ?? '')}`);
      }
    }
    const port = words.whole('port', 0, 65_535) ?? 0;
    const start = { files, storeFile: storeFile(words), port, qemuAllowed: words.flag('allow-qemu') };
    if (!words.flag('browser')) {
      const desktop = await openDesktop(start, terminal);
      if ('code' in desktop) return desktop.code;
      terminal.say(`No desktop window (${desktop.why}): Brownout runs in a browser instead.`);
    }
    if (terminal.interrupted.aborted) return EXIT.interrupted;
    return serve({ ...start, open: await placeOf(start) }, terminal);
  },
};

/** A browser's window begins with the file: as a draft to work on, or with the run that it holds; the last, where there are several. */
async function placeOf({ files, storeFile }: Start): Promise<string | undefined> {
  if (files.length === 0) return undefined;
  const store = new Store(storeFile);
  try {
    let place: string | undefined;
    for (const path of files) {
      const found = findFile(path);
      if (found.kind === 'experiment') {
        const { fileName, text } = found;
        place = `edit/draft/${store.saveDraft(null, { name: fileName, text, fileName }).id}`;
        continue;
      }
      for await (const { id } of (await readFileToImport(path)).keep(store, { again: false })) place = `run/${id}`;
    }
    return place;
  } catch (error) {
    if (error instanceof FileTrouble || error instanceof ImportError) throw new UsageError(printable(error.message));
    throw error;
  } finally {
    store.close();
  }
}

export interface Start {
  readonly files: readonly string[];
  readonly storeFile: string;
  readonly port: number;
  readonly qemuAllowed: boolean;
}

/** Ends with the window's exit code, or at once with the reason why there is none. */
async function openDesktop(
  { files, storeFile, qemuAllowed }: Start,
  terminal: Terminal,
): Promise<{ readonly code: ExitCode } | { readonly why: string }> {
  const why = noDesktop({ platform: process.platform, env: process.env, uid: process.getuid?.() });
  if (why !== undefined) return { why };
  if (electronBinary(ROOT) === undefined) {
    terminal.say('Fetching Electron (once, some 110 MB) …');
    const trouble = await fetchElectron(ROOT, terminal.interrupted);
    if (trouble !== undefined) return { why: trouble };
  }
  const binary = electronBinary(ROOT);
  if (binary === undefined) return { why: 'Electron’s binary is not where it was put' };
  const say = (line: string): void => {
    terminal.say(line);
  };
  const trouble = (await ensureWindow(say)) ?? (await ensureDesktop(say));
  if (trouble !== undefined) return { why: trouble };
  return runElectron(
    { binary, args: [ROOT, ...files, ...(qemuAllowed ? ['--allow-qemu'] : [])], env: { BROWNOUT_DB: storeFile } },
    terminal,
  );
}

/** An Electron that ends before its window was shown could not show it; what it says afterwards is the log's. */
export function runElectron(
  { binary, args, env }: { readonly binary: string; readonly args: readonly string[]; readonly env: object },
  terminal: Terminal,
): Promise<{ readonly code: ExitCode } | { readonly why: string }> {
  return new Promise((done) => {
    const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    let shown = false;
    let heard = '';
    let told = '';
    const stop = (): void => {
      child.kill('SIGTERM');
    };
    terminal.interrupted.addEventListener('abort', stop);
    child.stdout.on('data', (text: Buffer) => {
      told = (told + text.toString()).slice(-10_000);
      if (!shown && told.includes(SHOWN)) {
        shown = true;
        terminal.say('Brownout’s window is open. Ctrl-C here, or closing it, ends Brownout.');
      }
    });
    child.stderr.on('data', (text: Buffer) => (heard = (heard + text.toString()).slice(-10_000)));
    child.on('error', (error) => {
      done({ why: `Electron cannot be started: ${error.message}` });
    });
    child.on('close', (code) => {
      terminal.interrupted.removeEventListener('abort', stop);
      const last = told.trim().split('\n').at(-1) ?? '';
      if (terminal.interrupted.aborted) done({ code: EXIT.interrupted });
      else if (code === 0) {
        if (!shown && last !== '') terminal.say(last);
        done({ code: EXIT.done });
      } else if (shown) done({ code: EXIT.failed });
      else if (last !== '') {
        // It came as far as saying why itself (the store is damaged): a browser would fare no better.
        terminal.say(last);
        done({ code: EXIT.failed });
      } else done({ why: `Electron ended: ${firstLine(heard)}` });
    });
  });
}
