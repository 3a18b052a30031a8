// The figures of a run as rows, for every form of a report.
import type { Summary } from '../../engine/experiment/result.ts';
import { formatFigure, type FigureUnit } from '../contract/format.ts';

/** Name, value, and what it consists of. */
export function figureRows(summary: Summary): (readonly [name: string, value: string, more: string])[] {
  const { bytes, pages, tracking } = summary;
  const some = (parts: readonly (readonly [number | null, string, FigureUnit])[]): string =>
    parts.flatMap(([value, name, unit]) => (value === null ? [] : [`${name} ${formatFigure(value, unit)}`])).join(', ');
  return [
    ['blackout', formatFigure(summary.downtimeNs, 'ns'), ''],
    ['total time', formatFigure(summary.totalNs, 'ns'), some([[summary.setupNs, 'set-up', 'ns']])],
    ['rounds', formatFigure(summary.rounds, 'count'), ''],
    [
      'sent',
      formatFigure(bytes.total, 'bytes'),
      some([
        [bytes.normal, 'pages', 'bytes'],
        [bytes.zero, 'zero pages', 'bytes'],
        [bytes.device, 'device state', 'bytes'],
        [bytes.protocol, 'protocol', 'bytes'],
      ]),
    ],
    [
      'pages sent',
      formatFigure(pages.total, 'count'),
      some([
        [pages.zero, 'zero', 'count'],
        [pages.resent, 'again', 'count'],
        [pages.needless, 'needlessly', 'count'],
      ]),
    ],
    ['pages lost', pages.lost === null ? 'not checked' : formatFigure(pages.lost, 'count'), ''],
    ['guest stall', formatFigure(summary.guestStallNs, 'ns'), some([[summary.guestSpeed, 'guest speed', 'ratio']])],
    [
      'tracking',
      formatFigure(tracking.harvestNs, 'ns'),
      some([
        [tracking.entriesTouched, 'entries', 'count'],
        [tracking.iotlbFlushes, 'IOTLB flushes', 'count'],
        [tracking.faults, 'faults', 'count'],
      ]),
    ],
  ];
}
