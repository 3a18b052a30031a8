// Where a window was, restored only onto a screen that still exists and with its title bar in reach.
import * as z from 'zod';

const whole = z.int().min(-100_000).max(100_000);
export const windowStateSchema = z.object({
  x: whole,
  y: whole,
  width: z.int().min(1).max(100_000),
  height: z.int().min(1).max(100_000),
  maximized: z.boolean(),
});
export type WindowState = z.infer<typeof windowStateSchema>;

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Placement {
  /** Absent: in the middle of the main screen, as the system does. */
  readonly x?: number;
  readonly y?: number;
  readonly width: number;
  readonly height: number;
  readonly maximized: boolean;
}

export const LEAST = { width: 800, height: 560 } as const;
const USUAL = { width: 1440, height: 900 } as const;
/** Of the title bar at least so much must lie on a screen, to drag it by. */
const GRIP = { width: 120, height: 24 } as const;

/** `workAreas`: of the screens there are now, the main one first. */
export function placement(kept: WindowState | undefined, workAreas: readonly Area[]): Placement {
  const [main] = workAreas;
  const fit = (size: { width: number; height: number }, area: Area | undefined): { width: number; height: number } => ({
    width: Math.max(LEAST.width, Math.min(size.width, area?.width ?? USUAL.width)),
    height: Math.max(LEAST.height, Math.min(size.height, area?.height ?? USUAL.height)),
  });
  if (kept === undefined) return { ...fit(USUAL, main), maximized: false };
  const screen = workAreas.find((area) => hasGrip(kept, area));
  if (screen === undefined) return { ...fit(kept, main), maximized: kept.maximized };
  return { x: kept.x, y: Math.max(kept.y, screen.y), ...fit(kept, screen), maximized: kept.maximized };
}

function hasGrip(window: WindowState, area: Area): boolean {
  const left = Math.max(window.x, area.x);
  const right = Math.min(window.x + window.width, area.x + area.width);
  return (
    right - left >= GRIP.width && window.y >= area.y - GRIP.height && window.y + GRIP.height <= area.y + area.height
  );
}
