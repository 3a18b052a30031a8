// Builds the window into dist/renderer: what the browser host serves and the desktop app loads.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('renderer', import.meta.url)),
  // Paths without a leading slash: the desktop app has a scheme of its own.
  base: './',
  plugins: [svelte()],
  build: {
    outDir: fileURLToPath(new URL('dist/renderer', import.meta.url)),
    emptyOutDir: true,
    target: 'es2023',
    // The content security policy allows fonts and styles from files alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // What tells zod that the policy forbids eval must run before the first schema is made, in whatever chunk that lies: so
        // it lies with zod itself.
        codeSplitting: { groups: [{ name: 'zod', test: /node_modules\/zod\/|main\/contract\/noEval/u }] },
      },
    },
  },
  worker: { format: 'es' },
});
