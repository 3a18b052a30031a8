// At most one call a frame, however often it is asked for.
export interface Frame {
  ask(): void;
  /** Drops what was asked for. */
  cancel(): void;
}

export function onFrame(act: () => void): Frame {
  let asked = 0;
  return {
    ask() {
      if (asked !== 0) return;
      asked = requestAnimationFrame(() => {
        asked = 0;
        act();
      });
    },
    cancel() {
      cancelAnimationFrame(asked);
      asked = 0;
    },
  };
}
