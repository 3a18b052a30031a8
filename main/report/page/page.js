// @ts-nocheck: it runs in the reader's browser, as it is.
/* global document, window, uPlot, DecompressionStream, Response, atob, getComputedStyle, ResizeObserver, matchMedia, TextDecoder */
// Makes the charts of a report zoomable: reads the data that the page carries and draws each chart in the place of its picture.
// Drag to zoom, double click for the whole. Whatever fails here leaves the pictures as they are.
'use strict';
(async () => {
  const packed = document.getElementById('data').textContent.trim();
  const bytes = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  const inflated = new Response(new Response(bytes).body.pipeThrough(new DecompressionStream('deflate-raw')));
  const buffer = await inflated.arrayBuffer();
  const headBytes = new DataView(buffer).getUint32(0, true);
  const charts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headBytes)));
  const column = ([at, length]) => new Float64Array(buffer.slice(at, at + 8 * length));
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const probe = document.createElement('span');
  probe.hidden = true;
  document.body.append(probe);
  /** light-dark() is resolved by the browser, for a canvas too. */
  const resolved = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const wait = colour('--text') === '' ? [] : charts;
  const scaled = (steps) => (value) => {
    if (value === null || value === undefined) return '–';
    const step = steps.findLast(([factor]) => Math.abs(value) >= factor) ?? steps[0];
    return `${Number((value / step[0]).toPrecision(4))} ${step[1]}`.trim();
  };
  const plots = [];
  const draw = () => {
    for (const { plot, place, picture } of plots.splice(0)) {
      plot.destroy();
      place.replaceChildren(picture);
    }
    for (const [i, chart] of wait.entries()) {
      const place = document.getElementById(`plot-${i}`);
      const picture = place.firstElementChild;
      const tables = chart.lines.map(({ times, values }) => [
        Array.from(column(times), (ns) => ns / 1e9),
        Array.from(column(values), (value) => (Number.isNaN(value) ? null : value)),
      ]);
      // Runs have times of their own: uPlot wants one axis for all.
      const data = chart.shared ? [tables[0][0], ...tables.map(([, values]) => values)] : uPlot.join(tables);
      const value = scaled(chart.steps);
      const axis = {
        stroke: resolved('--axis'),
        grid: { stroke: resolved('--grid'), width: 1 },
        ticks: { show: false },
      };
      const options = {
        width: place.clientWidth,
        height: Math.round((place.clientWidth * 200) / 880),
        ms: 1,
        scales: { x: { time: false }, y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.05 : 1] } },
        axes: [
          { ...axis, size: 26, values: (_u, ticks) => ticks.map((t) => `${Number(t.toPrecision(6))} s`) },
          { ...axis, size: 100, values: (_u, ticks) => ticks.map(value) },
        ],
        cursor: { drag: { x: true, y: false }, points: { size: 5 } },
        // Many lines would say more than anyone reads.
        legend: { show: chart.lines.length <= 8 },
        series: [
          { label: 'time', value: (_u, t) => (t === null ? '–' : `${t.toFixed(6)} s`) },
          ...chart.lines.map(({ label, colour: number, dash }) => ({
            label,
            stroke: resolved(`--series-${number}`),
            width: 1.4,
            dash,
            spanGaps: !chart.shared,
            points: { show: false },
            value: (_u, v) => value(v),
          })),
        ],
        hooks: {
          drawClear: [
            (u) => {
              if (chart.phases === null) return;
              const { startNs, stopNs, endNs } = chart.phases;
              const band = (from, to, fill, least) => {
                const [left, right] = [from, to].map((ns) => u.valToPos(ns / 1e9, 'x', true));
                u.ctx.fillStyle = fill;
                u.ctx.fillRect(left, u.bbox.top, Math.max(least, right - left), u.bbox.height);
              };
              u.ctx.save();
              u.ctx.beginPath();
              u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
              u.ctx.clip();
              band(startNs, stopNs ?? endNs, resolved('--brownout'), 0);
              if (stopNs !== null) band(stopNs, endNs, resolved('--blackout'), 2);
              u.ctx.restore();
            },
          ],
        },
      };
      place.replaceChildren();
      plots.push({ plot: new uPlot(options, data, place), place, picture });
    }
  };
  draw();
  document.documentElement.dataset.charts = 'drawn';
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  // On paper the pictures are sharper.
  window.addEventListener('beforeprint', () => {
    for (const { place, picture } of plots) place.replaceChildren(picture);
  });
  window.addEventListener('afterprint', draw);
  new ResizeObserver(() => {
    for (const { plot, place } of plots) {
      if (place.clientWidth > 0 && Math.abs(plot.width - place.clientWidth) > 1) {
        plot.setSize({ width: place.clientWidth, height: plot.height });
      }
    }
  }).observe(document.body);
})();
