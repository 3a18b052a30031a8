// Tokens as a canvas needs them: resolved for the theme that is shown.
let probe: HTMLElement | undefined;

/** `--series-1` → `oklch(…)`, as it is now. Read again when theme.revision changes. */
export function tokenColour(token: string): string {
  if (probe === undefined) {
    probe = document.createElement('span');
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(${token})`;
  return getComputedStyle(probe).color;
}
