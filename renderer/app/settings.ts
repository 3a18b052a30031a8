// What a user has arranged (columns, layouts, named views), kept by the host under a name. Values are the renderer's own JSON:
// what cannot be read any more counts as not set.
import type * as z from 'zod';
import { call } from './host.svelte.ts';

const SAVE_AFTER_MS = 300;
const pending = new Map<string, ReturnType<typeof setTimeout>>();

export async function loadSetting<T>(key: string, schema: z.ZodType<T>): Promise<T | null> {
  const { value } = await call('settings.get', { key });
  if (value === null) return null;
  try {
    const read = schema.safeParse(JSON.parse(value));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}

/** Saved a moment later: a drag changes a setting sixty times a second. */
export function saveSetting(key: string, value: unknown): void {
  clearTimeout(pending.get(key));
  pending.set(
    key,
    setTimeout(() => {
      pending.delete(key);
      void call('settings.set', { key, value: value === null ? null : JSON.stringify(value) });
    }, SAVE_AFTER_MS),
  );
}
