// node main/setup/bundle.ts FOLDER: bundles what the desktop app runs (Electron's entry, the preload, the engine's process, its threads)
// as JavaScript, with the files they read beside them. A packaged app needs neither TypeScript sources nor Node's type stripping nor
// development packages; `npm start` runs the same bundle.
//
// Bundled files lie in dist/main, as deep below the root as sources do, so that paths to examples/ and package.json hold for both.
import { cpSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type InlineConfig } from 'vite';
import { ROOT } from './built.ts';
import { EXTERNAL } from './desktop.ts';

const folder = resolve(process.argv[2] ?? join(ROOT, 'dist', 'main'));

const common = (more: InlineConfig['build']): InlineConfig => ({
  configFile: false,
  root: ROOT,
  logLevel: 'warn',
  publicDir: false,
  ssr: { noExternal: true, external: [...EXTERNAL] },
  build: {
    ssr: true,
    outDir: folder,
    target: 'node24',
    minify: false,
    sourcemap: false,
    copyPublicDir: false,
    ...more,
  },
});

await build(
  common({
    emptyOutDir: true,
    rollupOptions: {
      input: {
        entry: 'main/electron/entry.ts',
        utilityCore: 'main/electron/utilityCore.ts',
        simulationWorker: 'main/workers/simulationWorker.ts',
        exportThread: 'main/export/exportThread.ts',
      },
      // Flat: see above.
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
    },
  }),
);
await build(
  common({
    emptyOutDir: false,
    rollupOptions: {
      input: { preload: 'main/electron/preload.ts' },
      output: { format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false },
    },
  }),
);
cpSync(join(ROOT, 'main', 'store', 'migrations'), join(folder, 'migrations'), { recursive: true });
cpSync(join(ROOT, 'main', 'qemu', 'guest', 'guest.bin'), join(folder, 'guest', 'guest.bin'));
cpSync(join(ROOT, 'build', 'icons', '256x256.png'), join(folder, 'icon.png'));
cpSync(join(ROOT, 'main', 'report', 'page'), join(folder, 'page'), { recursive: true });
