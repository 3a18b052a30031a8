// `npm run build`: what the desktop app and the browser host show and run, made anew where it is older than its sources.
import { ensureDesktop } from './desktop.ts';
import { ensureWindow } from './window.ts';

const say = (line: string): void => {
  console.error(line);
};
for (const ensure of [ensureWindow, ensureDesktop]) {
  const trouble = await ensure(say);
  if (trouble === undefined) continue;
  say(trouble);
  process.exitCode = 1;
}
