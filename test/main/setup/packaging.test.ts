// The packaged app, packed by electron-builder itself with this repository's configuration; only Electron's own files are stood in
// for (an empty folder and a binary that holds nothing but a fuse wire), because they would be downloaded. What is inside is
// then read, run under plain Node far from the sources, and its fuses read by their own tool.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { extractAll, listPackage } from '@electron/asar';
import { FuseState, FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { build, Platform } from 'electron-builder';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../../../main/setup/built.ts';
import { ensureDesktop, EXTERNAL } from '../../../main/setup/desktop.ts';
import { ensureWindow } from '../../../main/setup/window.ts';

/** electron-builder's own, which its platforms call. */
const { convertIcon } = createRequire(createRequire(import.meta.url).resolve('electron-builder'))(
  'app-builder-lib/out/util/iconConverter.js',
) as {
  readonly convertIcon: (options: {
    readonly sources: readonly string[];
    readonly fallbackSources: readonly string[];
    readonly roots: readonly string[];
    readonly format: 'icns' | 'ico' | 'set';
    readonly outDir: string;
  }) => Promise<{ readonly icons: readonly { file: string; size: number }[]; readonly isFallback: boolean }>;
};

const folder = mkdtempSync(join(tmpdir(), 'brownout-packed-'));
const unpacked = join(folder, 'out', 'linux-unpacked');
const archive = join(unpacked, 'resources', 'app.asar');
let packed: string[] = [];
let said = '';

beforeAll(async () => {
  const quiet = (): void => undefined;
  for (const ensure of [ensureWindow, ensureDesktop]) expect(await ensure(quiet)).toBeUndefined();
  const electron = join(folder, 'electron');
  mkdirSync(join(electron, 'resources'), { recursive: true });
  // What @electron/fuses looks for: its sentinel, the wire's version and length, and nine fuses, here all as they should not be.
  const wire = Buffer.concat([
    Buffer.from('dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX'),
    Buffer.of(1, 9),
    Buffer.from('101100110'),
  ]);
  writeFileSync(join(electron, 'electron'), wire, { mode: 0o755 });
  writeFileSync(join(electron, 'version'), '0.0.0');
  for (const name of ['LICENSE', 'LICENSES.chromium.html']) writeFileSync(join(electron, name), '');
  await build({
    projectDir: ROOT,
    targets: Platform.LINUX.createTarget('dir'),
    publish: null,
    config: { electronDist: electron, directories: { output: join(folder, 'out') } },
  });
  packed = listPackage(archive, { isPack: false }).map((path) => path.replaceAll('\\', '/').slice(1));
}, 300_000);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Files below a folder of the repository, named from the root. */
function filesBelow(start: string): string[] {
  return readdirSync(join(ROOT, start), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
}

interface Locked {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly optional?: boolean;
}

/** The packages that stay packages, and what they need, as the lock file has it and npm has installed it. */
function neededPackages(): Set<string> {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, Locked>>;
  };
  const installed = new Set(
    readdirSync(join(ROOT, 'node_modules')).flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(ROOT, 'node_modules', name)).map((one) => `${name}/${one}`) : [name],
    ),
  );
  const needed = new Set<string>();
  const add = (name: string): void => {
    if (needed.has(name) || !installed.has(name)) return;
    needed.add(name);
    const entry = packages[`node_modules/${name}`];
    for (const other of Object.keys({ ...entry?.dependencies, ...entry?.optionalDependencies })) add(other);
  };
  for (const name of EXTERNAL) if (name !== 'electron') add(name);
  return needed;
}

describe('the packaged app', () => {
  it('holds what was built, the examples, its description and licence, and nothing else of ours', () => {
    const ours = packed.filter((path) => !path.startsWith('node_modules') && /\.[^/]+$|LICENSE$/u.test(path));
    const wanted = [
      'LICENSE',
      'package.json',
      ...filesBelow('dist').filter((path) => !path.endsWith('.stamp') && /^dist\/(?:main|renderer)\//u.test(path)),
      ...filesBelow('examples').filter((path) => path.endsWith('.yaml')),
    ];
    expect(ours.sort()).toEqual(wanted.sort());
    for (const part of [
      'entry.js',
      'preload.cjs',
      'utilityCore.js',
      'simulationWorker.js',
      'exportThread.js',
      'icon.png',
      'page/page.css',
      'page/page.js',
    ]) {
      expect(ours).toContain(`dist/main/${part}`);
    }
  });

  it('holds the packages that its code asks for, and no other', () => {
    const names = packed.flatMap(
      (path) => /^node_modules\/((?:@[^/]+\/)?[^@/][^/]*)\/package\.json$/u.exec(path)?.[1] ?? [],
    );
    expect(names.sort()).toEqual([...neededPackages()].sort());
    expect(names).not.toContain('electron');
  });

  it('holds no sources, tests, maps, keys or stores', () => {
    const own = packed.filter((path) => !path.startsWith('node_modules'));
    expect(
      own.filter((path) => /\.(?:ts|svelte|map|db|db-wal|pem|key|env|log)$|(?:^|\/)\.|^test\//u.test(path)),
    ).toEqual([]);
    for (const name of own.filter((path) => /\.(?:js|cjs|html|css)$/u.test(path))) {
      const text = readFileSync(join(ROOT, name), 'utf8');
      expect(text.includes(ROOT), `${name} names this machine's folder`).toBe(false);
    }
  });

  it('keeps native code outside the archive, where the system’s loader finds it', () => {
    const outside = readdirSync(join(unpacked, 'resources', 'app.asar.unpacked'), {
      recursive: true,
      encoding: 'utf8',
    });
    expect(outside.some((path) => path.endsWith('linux-x64.node'))).toBe(true);
    const native = packed.filter((path) => path.endsWith('.node'));
    expect(native.filter((path) => !outside.includes(path))).toEqual([]);
  });

  it('has every fuse as it should be', async () => {
    const wire = await getCurrentFuseWire(join(unpacked, 'brownout'));
    const on = (fuse: FuseV1Options): boolean => wire[fuse] === FuseState.ENABLE;
    expect({
      runAsNode: on(FuseV1Options.RunAsNode),
      cookieEncryption: on(FuseV1Options.EnableCookieEncryption),
      nodeOptions: on(FuseV1Options.EnableNodeOptionsEnvironmentVariable),
      nodeCliInspect: on(FuseV1Options.EnableNodeCliInspectArguments),
      asarIntegrity: on(FuseV1Options.EnableEmbeddedAsarIntegrityValidation),
      onlyFromAsar: on(FuseV1Options.OnlyLoadAppFromAsar),
      browserSnapshot: on(FuseV1Options.LoadBrowserProcessSpecificV8Snapshot),
      fileProtocol: on(FuseV1Options.GrantFileProtocolExtraPrivileges),
      wasmTraps: on(FuseV1Options.WasmTrapHandlers),
    }).toEqual({
      runAsNode: false,
      cookieEncryption: true,
      nodeOptions: false,
      nodeCliInspect: false,
      asarIntegrity: true,
      onlyFromAsar: true,
      browserSnapshot: false,
      fileProtocol: false,
      wasmTraps: true,
    });
  });

  it('has icons: of every size on Linux, and electron-builder takes those of macOS and Windows as they are', async () => {
    const config = parse(readFileSync(join(ROOT, 'electron-builder.yml'), 'utf8')) as Record<
      'linux' | 'mac' | 'win',
      { readonly icon: string }
    >;
    const made = async (system: keyof typeof config, format: 'icns' | 'ico' | 'set'): Promise<string[]> => {
      const { icons, isFallback } = await convertIcon({
        ...{ sources: [config[system].icon], fallbackSources: [], roots: [ROOT], format },
        outDir: join(folder, system),
      });
      expect(isFallback).toBe(false);
      return icons.map(({ file, size }) => `${size} ${basename(file)}`);
    };
    expect((await made('linux', 'set')).sort()).toEqual(
      [16, 24, 32, 48, 64, 128, 256, 512].map((size) => `${size} ${size}x${size}.png`).sort(),
    );
    // It does not look how large the pictures in an .icns are.
    expect(await made('mac', 'icns')).toEqual(['0 icon.icns']);
    expect(await made('win', 'ico')).toEqual(['256 icon.ico']);
    // Every picture in them, found by the lengths and places that they name, is a PNG of the size that it is said to have.
    const icns = readFileSync(join(ROOT, config.mac.icon));
    const sizes: number[] = [];
    expect(icns.readUInt32BE(4)).toBe(icns.length);
    for (let at = 8; at < icns.length; at += icns.readUInt32BE(at + 4)) {
      sizes.push(PNG.sync.read(icns.subarray(at + 8, at + icns.readUInt32BE(at + 4))).width);
    }
    expect(sizes).toEqual([16, 32, 128, 256, 512, 32, 64, 1024]);
    const ico = readFileSync(join(ROOT, config.win.icon));
    const entries = Array.from({ length: ico.readUInt16LE(4) }, (_, i) => 6 + 16 * i);
    expect(entries.map((at) => ico[at])).toEqual([16, 24, 32, 48, 64, 128, 0]);
    for (const at of entries) {
      const place = ico.readUInt32LE(at + 12);
      expect(PNG.sync.read(ico.subarray(place, place + ico.readUInt32LE(at + 8))).width % 256).toBe(ico[at]);
    }
    // What the window shows on Linux: a disc, amber on the left, dark on the right, nothing in the corners.
    const icon = PNG.sync.read(readFileSync(join(ROOT, 'dist', 'main', 'icon.png')));
    const at = (x: number, y: number): number[] => [...icon.data.subarray((y * icon.width + x) * 4).subarray(0, 4)];
    expect([icon.width, icon.height]).toEqual([256, 256]);
    expect(at(0, 0)[3]).toBe(0);
    const [red = 0, , blue = 0, opaque] = at(60, 128);
    expect({ amber: red - blue > 80, opaque }).toEqual({ amber: true, opaque: 255 });
    expect(Math.max(...at(220, 128).slice(0, 3))).toBeLessThan(40);
  });

  it('runs an example far from its sources: the engine’s process begins, keeps the run, and ends', async () => {
    const app = join(folder, 'app');
    extractAll(archive, app);
    const code = await new Promise<number | null>((resolve, reject) => {
      const child = spawn(
        process.execPath,
        ['--no-experimental-strip-types', join(import.meta.dirname, 'packedCore.js'), app, join(folder, 'runs.db')],
        { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
      child.on('error', reject);
      child.on('close', resolve);
    });
    expect({ code, said }).toEqual({
      code: 0,
      said: 'desktop 0 runs\nfinished completed 0 lost\nsaved true\nclosed\n',
    });
  });
});
