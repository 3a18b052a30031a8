// The figures of a summary, each with the path that the verdict names, its title and its unit.
import type { FigureUnit } from '../../../../main/contract/format.ts';
import type { Summary } from '../../../../main/contract/runs.ts';

export interface Figure {
  /** `summary.pages.lost`. */
  readonly path: string;
  readonly title: string;
  readonly value: number | null;
  readonly unit: FigureUnit;
}

export function figuresOf(summary: Summary): Figure[] {
  const { bytes, pages, tracking } = summary;
  const figure = (path: string, title: string, value: number | null, unit: FigureUnit): Figure => ({
    path: `summary.${path}`,
    title,
    value,
    unit,
  });
  return [
    figure('downtimeNs', 'downtime', summary.downtimeNs, 'ns'),
    figure('totalNs', 'migration in all', summary.totalNs, 'ns'),
    figure('setupNs', 'setup', summary.setupNs, 'ns'),
    figure('startNs', 'begins at', summary.startNs, 'ns'),
    figure('rounds', 'rounds', summary.rounds, 'count'),
    figure('guestStallNs', 'guest stall', summary.guestStallNs, 'ns'),
    figure('guestSpeed', 'guest’s speed', summary.guestSpeed, 'ratio'),
    figure('throttleMaxPercent', 'throttle at most', summary.throttleMaxPercent, 'percent'),
    figure('bytes.total', 'sent in all', bytes.total, 'bytes'),
    figure('bytes.normal', 'pages with contents', bytes.normal, 'bytes'),
    figure('bytes.zero', 'zero pages', bytes.zero, 'bytes'),
    figure('bytes.device', 'device state', bytes.device, 'bytes'),
    figure('bytes.protocol', 'protocol', bytes.protocol, 'bytes'),
    figure('pages.total', 'pages sent', pages.total, 'pages'),
    figure('pages.normal', 'with contents', pages.normal, 'pages'),
    figure('pages.zero', 'zero', pages.zero, 'pages'),
    figure('pages.resent', 'sent again', pages.resent, 'pages'),
    figure('pages.needless', 'sent needlessly', pages.needless, 'pages'),
    figure('pages.lost', 'lost', pages.lost, 'pages'),
    figure('tracking.harvestNs', 'time in harvests', tracking.harvestNs, 'ns'),
    figure('tracking.entriesTouched', 'page-table entries touched', tracking.entriesTouched, 'count'),
    figure('tracking.iotlbFlushes', 'IOTLB flushes', tracking.iotlbFlushes, 'count'),
    figure('tracking.faults', 'faults', tracking.faults, 'count'),
  ];
}
