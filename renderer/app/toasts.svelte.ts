// Short messages at the lower edge: what was done, with its undo; what went wrong. Nothing that has to be answered.
export interface Toast {
  readonly id: number;
  readonly tone: 'neutral' | 'good' | 'bad';
  readonly text: string;
  readonly action?: { readonly title: string; readonly run: () => unknown };
}

class Toasts {
  shown = $state.raw<readonly Toast[]>([]);
}
export const toasts = new Toasts();

const STAYS_MS = 8_000;
const MOST = 4;
let last = 0;

export function toast(text: string, { tone = 'neutral', action }: Partial<Pick<Toast, 'tone' | 'action'>> = {}): void {
  const id = ++last;
  toasts.shown = [...toasts.shown.slice(1 - MOST), { id, tone, text, ...(action === undefined ? {} : { action }) }];
  // An error stays until it is dismissed.
  if (tone !== 'bad')
    setTimeout(() => {
      dismiss(id);
    }, STAYS_MS);
}

export function dismiss(id: number): void {
  toasts.shown = toasts.shown.filter((one) => one.id !== id);
}
