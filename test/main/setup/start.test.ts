// `npm start`: the desktop window where there can be one, else one line that says why and the app in a browser.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Terminal } from '../../../main/cli/terminal.ts';
import { SHOWN } from '../../../main/electron/desktop.ts';
import { electronBinary, fetchElectron, noDesktop } from '../../../main/setup/electronBinary.ts';
import { runElectron } from '../../../main/setup/startWindow.ts';
import { aFolder } from '../aFolder.ts';
import { brownout, ROOT } from '../cli/brownout.ts';

describe('a desktop window', () => {
  it.each([
    ['Linux with X', 'linux', { DISPLAY: ':0' }, 1000, undefined],
    ['Linux with Wayland', 'linux', { WAYLAND_DISPLAY: 'wayland-0' }, 1000, undefined],
    ['Linux without either', 'linux', {}, 1000, 'there is no display'],
    ['Linux with an empty DISPLAY', 'linux', { DISPLAY: '' }, 1000, 'there is no display'],
    ['root on Linux', 'linux', { DISPLAY: ':0' }, 0, 'Electron’s sandbox does not work for root'],
    ['a Mac', 'darwin', {}, 501, undefined],
    ['a Mac over SSH', 'darwin', { SSH_CONNECTION: 'a b c d' }, 501, 'there is no display over SSH'],
    ['Windows', 'win32', {}, undefined, undefined],
    ['a system without Electron', 'freebsd', { DISPLAY: ':0' }, 1000, 'there is no Electron for freebsd'],
  ])('on %s', (_where, platform, env, uid, why) => {
    expect(noDesktop({ platform, env, uid })).toBe(why);
  });

  it('needs Electron’s binary, which npm’s package names once it was fetched', () => {
    const root = aFolder();
    const folder = join(root, 'node_modules', 'electron');
    mkdirSync(join(folder, 'dist'), { recursive: true });
    expect(electronBinary(root, {})).toBeUndefined();
    writeFileSync(join(folder, 'path.txt'), 'some/electron');
    expect(electronBinary(root, {})).toBeUndefined();
    mkdirSync(join(folder, 'dist', 'some'));
    writeFileSync(join(folder, 'dist', 'some', 'electron'), '');
    expect(electronBinary(root, {})).toBe(join(folder, 'dist', 'some', 'electron'));
    expect(electronBinary(root, { ELECTRON_OVERRIDE_DIST_PATH: join(root, 'elsewhere') })).toBeUndefined();
  });

  it('is not to be had where the binary cannot be fetched: the reason is one line', async () => {
    const root = aFolder();
    const { signal } = new AbortController();
    expect(await fetchElectron(root, signal)).toBe('npm did not install Electron');
    const folder = join(root, 'node_modules', 'electron');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'install.js'), 'console.error(new TypeError("fetch failed").stack); process.exit(1);');
    expect(await fetchElectron(root, signal)).toBe('Electron could not be fetched: fetch failed');
    writeFileSync(join(folder, 'install.js'), 'setInterval(() => {}, 1000);');
    const impatient = new AbortController();
    const fetched = fetchElectron(root, impatient.signal);
    impatient.abort();
    expect(await fetched).toBe('Electron could not be fetched in time');
    writeFileSync(join(folder, 'install.js'), '');
    expect(await fetchElectron(root, signal)).toBeUndefined();
  });
});

/** What Electron's binary is to `npm start`: a program that behaves like this. */
function aBinary(script: string): string {
  const file = join(aFolder(), 'electron');
  writeFileSync(file, `#!${process.execPath}\n${script}`);
  chmodSync(file, 0o755);
  return file;
}

function aTerminal(): { terminal: Terminal; said: string[]; interrupt: () => void } {
  const said: string[] = [];
  const interruption = new AbortController();
  return {
    said,
    interrupt: () => {
      interruption.abort();
    },
    terminal: {
      out: (text) => said.push(text),
      bytes: () => undefined,
      say: (text) => said.push(text),
      progress: () => undefined,
      watched: false,
      isTerminal: false,
      columns: 80,
      interrupted: interruption.signal,
    },
  };
}

describe('Electron, started', () => {
  const run = (script: string, { terminal }: ReturnType<typeof aTerminal>): ReturnType<typeof runElectron> =>
    runElectron({ binary: aBinary(script), args: ['app', 'my.yaml'], env: { BROWNOUT_DB: 'here.db' } }, terminal);

  it('gets the app, the files and the store; when its window is closed, all is done', async () => {
    const lab = aTerminal();
    const script = `console.log(${JSON.stringify(SHOWN)}); process.exit(process.argv.slice(2).join() === 'app,my.yaml' && process.env.BROWNOUT_DB === 'here.db' ? 0 : 3);`;
    expect(await run(script, lab)).toEqual({ code: 0 });
    expect(lab.said).toEqual(['Brownout’s window is open. Ctrl-C here, or closing it, ends Brownout.']);
  });

  it('that cannot show a window is a reason to serve a browser, with the first line of what it said', async () => {
    const lab = aTerminal();
    const script =
      'console.error("\\n[1:FATAL] The SUID sandbox helper binary was found, but …\\nmore"); process.exit(133);';
    expect(await run(script, lab)).toEqual({
      why: 'Electron ended: [1:FATAL] The SUID sandbox helper binary was found, but …',
    });
    expect(await run('process.kill(process.pid, "SIGSEGV");', lab)).toEqual({
      why: 'Electron ended: it did not say why',
    });
    expect(await runElectron({ binary: '/nowhere/electron', args: [], env: {} }, lab.terminal)).toMatchObject({
      why: expect.stringContaining('ENOENT') as string,
    });
    expect(lab.said).toEqual([]);
  });

  it('that says itself what is wrong with the store is believed: a browser would fare no better', async () => {
    const lab = aTerminal();
    expect(await run('console.log("brownout: the store is damaged"); process.exit(1);', lab)).toEqual({ code: 1 });
    expect(lab.said).toEqual(['brownout: the store is damaged']);
  });

  it('that finds itself running already is done', async () => {
    const lab = aTerminal();
    expect(await run('console.log("Brownout is running already");', lab)).toEqual({ code: 0 });
    expect(lab.said).toEqual(['Brownout is running already']);
  });

  it('is asked to end by Ctrl-C', async () => {
    const lab = aTerminal();
    const ended = run(
      `process.on('SIGTERM', () => process.exit(0)); console.log(${JSON.stringify(SHOWN)}); setInterval(() => {}, 1000);`,
      lab,
    );
    while (lab.said.length === 0) await new Promise((later) => setTimeout(later, 5));
    lab.interrupt();
    expect(await ended).toEqual({ code: 130 });
  });
});

it('without a display: one line says so, the address is printed, the app is there until Ctrl-C', async () => {
  const db = join(aFolder(), 'runs.db');
  const env = { ...process.env, DISPLAY: '', WAYLAND_DISPLAY: '' };
  const child = spawn(process.execPath, [join(ROOT, 'main/setup/bootstrap.js'), 'start', '--db', db], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const address = await new Promise<string>((resolve, reject) => {
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      if (printed.endsWith('\n')) resolve(printed.trim());
    });
    child.on('close', (code) => {
      reject(new Error(`ended with ${String(code)}: ${said}`));
    });
  });
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}$/u);
  const page = await fetch(address);
  expect(page.status).toBe(200);
  expect(await page.text()).toContain('<title>Brownout</title>');
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  const lines = said.split('\n').filter((line) => line !== '' && !line.startsWith('Building'));
  expect(lines).toEqual([
    'No desktop window (there is no display): Brownout runs in a browser instead.',
    'Open this address in a browser on this machine. Ctrl-C ends Brownout.',
    'Ending …',
  ]);
});

it('npm start refuses files that are not there before it opens anything', async () => {
  const start = (args: readonly string[]): ReturnType<typeof brownout> =>
    brownout(['start', ...args], { script: 'main/setup/bootstrap.js' });
  expect(await start(['nothing.yaml'])).toMatchObject({ code: 2, stderr: 'brownout: there is no file nothing.yaml\n' });
  expect(await start(['--prot', '1'])).toMatchObject({
    code: 2,
    stderr: 'brownout: unknown option --prot; did you mean --port?\n',
  });
});
