// The commands, in the order of the help. A command is loaded when it is called, so that one does not pay for another.
import type { Command } from '../command.ts';

type Load = () => Promise<{ readonly command: Command }>;

export const COMMANDS: Readonly<Record<string, Load>> = {
  run: () => import('./run.ts'),
  list: () => import('./list.ts'),
  show: () => import('./show.ts'),
  sweep: () => import('./sweep.ts'),
  worker: () => import('./worker.ts'),
  export: () => import('./export.ts'),
  compare: () => import('./compare.ts'),
  report: () => import('./report.ts'),
  check: () => import('./check.ts'),
  import: () => import('./import.ts'),
  qemu: () => import('./qemu.ts'),
  serve: () => import('./serve.ts'),
  schema: () => import('./schema.ts'),
  uapi: () => import('./uapi.ts'),
  validate: () => import('./validate.ts'),
};
