// The rate window: QEMU measures and limits bandwidth over windows of 100 ms (migration.c migration_update_counters(),
// migration_rate_limit(), migration-stats.c migration_rate_exceeded()).
//
// - exceeded: strictly more bytes than the limit went out since the window began; tested before every page.
// - closing: only when at least 100 ms have passed; then bandwidth = bytes / ms of this window alone, and the threshold
//   under which the guest is stopped = bandwidth * downtime limit. Until the first window closes the threshold is 0.
// - a window spent on zero pages or asleep has a low bandwidth, and so a low threshold.

export const WINDOW_NS = 100_000_000;
const WINDOWS_PER_SECOND = 10;
/** expected_downtime is updated only if more than this went out in the window. */
const EXPECTED_DOWNTIME_BYTES_MIN = 10_000;

export interface WindowConfig {
  /** Bytes per second, 0 = no limit. */
  readonly maxBandwidth: number;
  readonly downtimeLimitNs: number;
  /** Bytes per second expected at switchover, 0 = as measured (avail-switchover-bandwidth, since 8.2). */
  readonly switchoverBandwidth: number;
}

export class RateWindow {
  readonly #switchoverBandwidth: number;
  #downtimeLimitNs: number;
  /** Bytes per window, 0 = no limit. */
  limitBytes: number;
  startNs: number;
  #startBytes = 0;
  #startPages = 0;
  /** Bytes per ms of the last closed window. */
  bandwidth = 0;
  thresholdBytes = 0;
  pagesPerSecond = 0;
  expectedDowntimeNs: number;

  constructor(config: WindowConfig, startNs: number) {
    this.limitBytes = Math.floor(config.maxBandwidth / WINDOWS_PER_SECOND);
    this.#downtimeLimitNs = config.downtimeLimitNs;
    this.#switchoverBandwidth = config.switchoverBandwidth;
    this.startNs = startNs;
    this.expectedDowntimeNs = config.downtimeLimitNs;
  }

  setDowntimeLimit(ns: number): void {
    this.#downtimeLimitNs = ns;
  }

  setMaxBandwidth(bytesPerSecond: number): void {
    this.limitBytes = Math.floor(bytesPerSecond / WINDOWS_PER_SECOND);
  }

  usedBytes(transferred: number): number {
    return transferred - this.#startBytes;
  }

  exceeded(transferred: number): boolean {
    return this.roomBytes(transferred) < 0;
  }

  /** Bytes that may still go without the window being exceeded; Infinity without a limit, negative once it is. */
  roomBytes(transferred: number): number {
    return this.limitBytes === 0 ? Infinity : this.limitBytes - this.usedBytes(transferred);
  }

  /** How many pages of `pageBytes` go out before the window is exceeded: the page that crosses the limit still goes. */
  pagesUntilExceeded(transferred: number, pageBytes: number): number {
    const room = this.roomBytes(transferred);
    if (room === Infinity) return Infinity;
    if (room >= 0 && pageBytes === 0) return Infinity;
    return room < 0 ? 0 : Math.floor(room / pageBytes) + 1;
  }

  /** Closes the window if 100 ms have passed. `dirtyBytesLastSync` and the rate are what the last sync left. */
  update(
    nowNs: number,
    transferred: number,
    pages: number,
    dirtyBytesLastSync: number,
    dirtyPagesRate: number,
  ): boolean {
    const elapsedNs = nowNs - this.startNs;
    if (elapsedNs < WINDOW_NS) return false;
    const bytes = transferred - this.#startBytes;
    const ms = elapsedNs / 1e6;
    this.bandwidth = bytes / ms;
    const expected = this.#switchoverBandwidth > 0 ? this.#switchoverBandwidth / 1000 : this.bandwidth;
    this.thresholdBytes = expected * (this.#downtimeLimitNs / 1e6);
    this.pagesPerSecond = ((pages - this.#startPages) * 1000) / ms;
    if (dirtyPagesRate > 0 && bytes > EXPECTED_DOWNTIME_BYTES_MIN && expected > 0) {
      this.expectedDowntimeNs = (dirtyBytesLastSync / expected) * 1e6;
    }
    this.startNs = nowNs;
    this.#startBytes = transferred;
    this.#startPages = pages;
    return true;
  }
}
