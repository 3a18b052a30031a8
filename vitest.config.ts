import { defineConfig } from 'vitest/config';

/** Suites of pure functions: files may share a worker and what it has loaded. The others start processes and keep state. */
const PURE = ['test/engine/**/*.test.ts', 'test/renderer/**/*.test.ts', 'test/main/contract/**/*.test.ts'];

export default defineConfig({
  test: {
    // vitest leaves one processor free, which on two is half of them.
    maxWorkers: '100%',
    projects: [
      { extends: true, test: { name: 'pure', include: PURE, isolate: false } },
      { extends: true, test: { name: 'lab', include: ['test/**/*.test.ts'], exclude: PURE } },
    ],
    setupFiles: ['test/seed.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One second, as vitest has it, is too short where a machine does much else.
    expect: { poll: { timeout: 30_000 } },
  },
});
