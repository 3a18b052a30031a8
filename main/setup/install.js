// Installs what the lock file names, once, however many start at the same time and wherever the last one was interrupted.
//
// `.cache/install.lock` is held while npm works and removed only when npm has finished: a lock whose owner is dead tells that
// node_modules is half-finished. It names the process and its npm, and is touched every two seconds, so that a process id
// that was given to somebody else is not taken for a living owner for ever. Uses Node built-ins only.
import { spawn } from 'child_process';
import fs from 'fs';
import path from 'path';
import { clearInterval, setInterval, setTimeout } from 'timers';
import { bundledNode, firstMissing, isGoodNode } from './decide.js';

const HEARTBEAT_MS = 2000;
/** A lock that nobody touched for this long has no living owner, whatever its process id says. */
const ABANDONED_MS = 120000;
const POLL_MS = 250;

/**
 * @param {string} root the clone
 * @returns {string | undefined} the path of the first package that is missing or different
 */
export function missingPackage(root) {
  if (fs.existsSync(lockPath(root))) return 'a whole install (the last one was interrupted)';
  return missingOf(root);
}

/** @param {string} root */
function missingOf(root) {
  const locked = packagesOf(path.join(root, 'package-lock.json'));
  const installed = packagesOf(path.join(root, 'node_modules', '.package-lock.json'));
  return firstMissing(
    locked || {},
    installed,
    (folder) => fs.existsSync(path.join(root, folder, 'package.json')),
    thisMachine(),
  );
}

/**
 * @param {string} root
 * @returns {string | undefined} the bundled Node's binary, where the package is installed
 */
export function bundledBinary(root) {
  const bundled = bundledNode(process.platform, process.arch);
  if (bundled === undefined) return undefined;
  const file = path.join(root, 'node_modules', bundled.name, bundled.file);
  return fs.existsSync(file) ? file : undefined;
}

/** @returns {import('./decide.js').Machine} */
export function thisMachine() {
  /** @type {'' | 'glibc' | 'musl'} */
  let libc = '';
  if (process.platform === 'linux') {
    const musl = process.arch === 'x64' ? '/lib/ld-musl-x86_64.so.1' : '/lib/ld-musl-aarch64.so.1';
    const bundled = bundledNode(process.platform, process.arch);
    const hasGlibc = bundled !== undefined && fs.existsSync(bundled.loader);
    libc = !hasGlibc && fs.existsSync(musl) ? 'musl' : 'glibc';
  }
  return { platform: process.platform, arch: process.arch, libc: libc };
}

/**
 * The command that starts npm: the npm that started us, else the one on the PATH.
 * @returns {{ file: string, args: string[], shell: boolean } | undefined}
 */
export function npmCommand() {
  const script = process.env.npm_execpath;
  if (script !== undefined && /npm-cli\.js$/.test(script) && fs.existsSync(script)) {
    // npm's own Node: this process may run the bundled binary, which a reinstall is about to replace.
    const node = process.env.npm_node_execpath;
    return { file: node !== undefined && fs.existsSync(node) ? node : process.execPath, args: [script], shell: false };
  }
  const windows = process.platform === 'win32';
  const name = windows ? 'npm.cmd' : 'npm';
  const found = (process.env.PATH || '').split(path.delimiter).some((dir) => fs.existsSync(path.join(dir, name)));
  return found ? { file: name, args: [], shell: windows } : undefined;
}

/**
 * Installs with the lock file, unless another process does so meanwhile. Resolves with what is still missing.
 * @param {string} root
 * @param {(line: string) => void} say
 * @returns {Promise<string | undefined>}
 */
export async function install(root, say) {
  fs.mkdirSync(path.dirname(lockPath(root)), { recursive: true });
  let waited = false;
  while (!takeLock(root)) {
    if (!waited) say('Another Brownout is installing the packages; waiting for it.');
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (!fs.existsSync(lockPath(root)) && missingPackage(root) === undefined) return undefined;
  }
  const heartbeat = setInterval(() => {
    touch(lockPath(root));
  }, HEARTBEAT_MS);
  try {
    say('Installing the packages named in package-lock.json (once; about 460 MB in node_modules) …');
    const code = (await runNpmCi(root, undefined)) || (await completeWithBundled(root));
    // The lock stays behind a failure: it says that node_modules is not whole.
    if (code !== 0) return 'npm ci, which ended with exit code ' + String(code);
    linkOwnCommand(root);
    fs.rmSync(lockPath(root), { force: true });
  } finally {
    clearInterval(heartbeat);
  }
  return missingPackage(root);
}

/**
 * npm leaves out optional packages whose `engines` exclude the Node that it runs on, though the Node that will use them is
 * another one (Node 20.9 leaves out the bundler's addon). Installs again with a copy of the bundled Node, where that is so.
 * @param {string} root
 * @returns {Promise<number>}
 */
async function completeWithBundled(root) {
  const bundled = bundledBinary(root);
  if (isGoodNode(process.versions.node, process.versions.napi) || bundled === undefined) return 0;
  if (missingOf(root) === undefined) return 0;
  const folder = fs.mkdtempSync(path.join(root, '.cache', 'node-'));
  try {
    const copy = path.join(folder, path.basename(bundled));
    fs.copyFileSync(bundled, copy);
    fs.chmodSync(copy, 493); // 0o755
    return await runNpmCi(root, copy);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs npm ci and resolves with its exit code. Its output goes to our standard error.
 * @param {string} root
 * @param {string | undefined} node the Node to run npm with, where not the one that npm was started with
 * @returns {Promise<number>}
 */
function runNpmCi(root, node) {
  const npm = npmCommand();
  if (npm === undefined) return Promise.resolve(127);
  const file = node !== undefined && npm.args.length > 0 ? node : npm.file;
  const env = Object.assign({}, process.env);
  if (node !== undefined) env['PATH'] = path.dirname(node) + path.delimiter + (env['PATH'] || '');
  // Development and optional packages whatever NODE_ENV or the user's configuration omits: bundled Node is an optional one.
  const args = npm.args.concat([
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
  ]);
  args.push('--loglevel=error', '--no-update-notifier');
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: root, env: env, stdio: ['ignore', 2, 2], shell: npm.shell });
    // An npm that outlives us still writes to node_modules: the lock names it too.
    fs.writeFileSync(lockPath(root), String(process.pid) + ' ' + String(child.pid || ''));
    /** @param {'SIGINT' | 'SIGTERM'} signal */
    const forward = (signal) => child.kill(signal);
    process.on('SIGINT', forward);
    process.on('SIGTERM', forward);
    /** @param {number} code */
    const done = (code) => {
      process.removeListener('SIGINT', forward);
      process.removeListener('SIGTERM', forward);
      resolve(code);
    };
    child.on('error', (error) => {
      console.error(String(error));
      done(127);
    });
    child.on('close', (code, signal) => {
      done(code !== null ? code : signal === 'SIGINT' ? 130 : 1);
    });
  });
}

/**
 * Makes `npx brownout` find this clone's command, as if the package were installed in itself.
 * @param {string} root
 */
function linkOwnCommand(root) {
  const link = path.join(root, 'node_modules', '.bin', 'brownout');
  try {
    if (process.platform === 'win32') {
      fs.writeFileSync(link + '.cmd', '@node "%~dp0\\..\\..\\main\\cli\\brownout.js" %*\r\n');
    } else {
      fs.rmSync(link, { force: true });
      fs.symlinkSync('../../main/cli/brownout.js', link);
    }
  } catch (error) {
    console.error('brownout: npx will not find the command: ' + String(error));
  }
}

/** @param {string} root */
function lockPath(root) {
  return path.join(root, '.cache', 'install.lock');
}

/**
 * @param {string} root
 * @returns {boolean} whether this process now holds the lock
 */
function takeLock(root) {
  const lock = lockPath(root);
  if (fs.existsSync(lock) && isAbandoned(lock)) {
    // Of several that find it abandoned, one succeeds in renaming it.
    const aside = lock + '.' + String(process.pid);
    try {
      fs.renameSync(lock, aside);
      fs.rmSync(aside, { force: true });
    } catch {
      return false;
    }
  }
  try {
    fs.writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

/** @param {string} lock */
function isAbandoned(lock) {
  try {
    const age = Date.now() - fs.statSync(lock).mtimeMs;
    const pids = fs.readFileSync(lock, 'utf8').split(' ').map(Number).filter(Boolean);
    // An empty lock is one that is being written at this moment.
    return age > ABANDONED_MS || (pids.length > 0 && !pids.some(isAlive));
  } catch {
    return false;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {{ code?: string }} */ (error).code === 'EPERM';
  }
}

/** @param {string} file */
function touch(file) {
  try {
    fs.utimesSync(file, new Date(), new Date());
  } catch {
    // Somebody removed node_modules and .cache under us; npm will say so.
  }
}

/**
 * @param {string} file
 * @returns {Record<string, import('./decide.js').LockEntry> | undefined}
 */
function packagesOf(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
