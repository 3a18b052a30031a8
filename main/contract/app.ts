// About the app itself, and what a user's own settings are.
import * as z from 'zod';
import { MAX_SETTING_CHARS } from './limits.ts';

export const appInfoSchema = z.object({
  name: z.string(),
  version: z.string(),
  engineVersion: z.string(),
  /** `desktop`: in Electron. `browser`: served on loopback. `process`: without a window. */
  host: z.enum(['desktop', 'browser', 'process']),
  platform: z.string(),
  store: z.object({ file: z.string(), runs: z.number() }),
  /** Simulations that can run at the same time. */
  threads: z.number(),
  /** Whether experiments with `backend: qemu` may be started from here. */
  qemuAllowed: z.boolean(),
});
export type AppInfo = z.infer<typeof appInfoSchema>;

/** Layouts, named views, chosen columns: the renderer's own JSON, kept for it under a name. */
export const settingKeySchema = z.string().regex(/^[a-z0-9][a-z0-9.:_-]{0,99}$/u);
export const settingValueSchema = z.string().max(MAX_SETTING_CHARS);
