/*
 * Curves over time.  uPlot draws them; each line has a dash of its own, so
 * that they can be told apart without colours, and a table has the numbers.
 */

import { html, useEffect, useRef, useState } from '../vendor/preact.js';
import { sheet } from '../sheet.js';
import { showTime } from '../text.js';

const HEIGHT = 200;
const DASHES = [[], [8, 5], [2, 4], [12, 4, 2, 4], [4, 8], [16, 4]];
const COLOURS = 4;
const BINARY = Array.from({ length: 60 }, (_, i) => 2 ** i);

/* So much longer than usual between two samples is a gap. */
const GAP = 3;

let loading = null;

/* The library and its sheet, when the first curve is shown. */
function load() {
  if (loading === null) {
    sheet('vendor/uplot.css');
    loading = import('../vendor/uplot.js').then((module) => module.default);
    loading.catch(() => { loading = null; });
  }
  return loading;
}

/*
 * at: moments in unix seconds, oldest first; series: [{ label, values }]; show
 * makes words of a value; max, if any, is the top of the scale; binary: its
 * ticks are at powers of two.
 */
export function Curve({
  label, at, series, show, max = null, binary = false,
}) {
  const box = useRef(null);
  const plot = useRef(null);
  const [index, setIndex] = useState(null);
  const [failed, setFailed] = useState(false);
  const names = series.map((one) => one.label).join('\n');
  const data = withGaps(at, series.map(({ values }) => values));
  const latest = useRef(null);
  latest.current = { data, setIndex, show };

  useEffect(() => {
    let end = () => {};
    let here = true;

    load().then((UPlot) => {
      if (here) {
        end = draw(UPlot, box.current, plot, latest, {
          names: names.split('\n'), max, binary,
        });
      }
    }, () => setFailed(true));
    return () => { here = false; end(); };
  }, [names, max, binary]);

  useEffect(() => {
    if (plot.current) {
      plot.current.setData(data);
    }
  }, [at, series]);

  const shown = index === null || index >= data[0].length
    ? data[0].length - 1 : index;

  return html`
    <figure class="curve">
      <div class="curve-plot" ref=${box} role="img"
        aria-label=${sayOf(label, series, show)}></div>
      ${failed && html`<p class="muted">The curve could not be loaded.</p>`}
      <figcaption>
        <${Legend} series=${series} values=${data.slice(1)} at=${shown}
          show=${show} />
        <span class="muted small">${index === null ? 'now'
          : showTime(data[0][shown] * 1000)}</span>
      </figcaption>
    </figure>`;
}

/* "Load. 1 minute: 0.2 now, at most 1.4." */
function sayOf(label, series, show) {
  const parts = series.map(({ label: name, values }) => {
    const known = values.filter((value) => value !== null);

    return known.length === 0 ? `${name}: not known`
      : `${name}: ${show(known[known.length - 1])} now, at most ${
        show(Math.max(...known))}`;
  });

  return `${label}. ${parts.join('; ')}.`;
}

function Legend({ series, values, at, show }) {
  return html`
    <ul class="curve-legend">
      ${series.map(({ label }, i) => html`
        <li key=${label}>
          <svg class=${`curve-${i % COLOURS}`} width="32" height="8"
            aria-hidden="true">
            <line x1="0" y1="4" x2="32" y2="4" stroke="currentColor"
              stroke-width="2"
              stroke-dasharray=${DASHES[i % DASHES.length].join(' ')} />
          </svg>
          ${label} <strong>${isKnown(values[i][at])
            ? show(values[i][at]) : '–'}</strong>
        </li>`)}
    </ul>`;
}

const isKnown = (value) => value !== null && value !== undefined;

/* A plot in the box, which follows its width and the theme; returns its end. */
function draw(UPlot, box, plot, latest, look) {
  const make = () => {
    if (plot.current) {
      plot.current.destroy();
    }
    plot.current = new UPlot(
      optionsOf(box, latest, look), latest.current.data, box,
    );
  };
  const size = new ResizeObserver(() => plot.current.setSize({
    width: box.clientWidth, height: HEIGHT,
  }));
  const theme = new MutationObserver(make);
  const system = matchMedia('(prefers-color-scheme: dark)');

  make();
  size.observe(box);
  theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  system.addEventListener('change', make);
  return () => {
    size.disconnect();
    theme.disconnect();
    system.removeEventListener('change', make);
    plot.current.destroy();
    plot.current = null;
  };
}

function optionsOf(box, latest, { names, max, binary }) {
  const text = colourOf(box, 'curve-text');
  const grid = { stroke: colourOf(box, 'curve-grid'), width: 1 };
  const axis = { stroke: text, grid, ticks: grid };

  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (u, low, high) => [0, max || roof(high)] } },
    axes: [{ ...axis, values: momentsOf }, {
      ...axis, size: 72,
      values: (u, ticks) => ticks.map(latest.current.show),
      ...(binary ? { incrs: BINARY } : {}),
    }],
    series: [{}, ...names.map((label, i) => ({
      label,
      stroke: colourOf(box, `curve-${i % COLOURS}`),
      width: 2,
      dash: DASHES[i % DASHES.length],
      points: { show: false },
    }))],
    hooks: {
      setCursor: [(u) => latest.current.setIndex(u.cursor.idx ?? null)],
    },
  };
}

/* "14:05"; days where they are further apart, and at midnight. */
const momentsOf = (u, ticks, axis, space, step) => ticks.map((at) => {
  const moment = new Date(at * 1000);
  const midnight = moment.getHours() === 0 && moment.getMinutes() === 0;

  return (step >= DAY || midnight ? day : clock).format(moment);
});

const DAY = 86400;
const day = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric', month: 'short',
});
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' });

const roof = (high) => (high > 0 ? high * 1.1 : 1);

/* What a class of ours has in the theme that holds. */
function colourOf(box, name) {
  const sample = document.createElement('span');

  sample.className = name;
  box.append(sample);
  const { color } = getComputedStyle(sample);

  sample.remove();
  return color;
}

/* [at, ...values], with a hole where nothing was sampled for long. */
function withGaps(at, lists) {
  const steps = at.slice(1).map((moment, i) => moment - at[i])
    .sort((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] || 0;
  const out = [[], ...lists.map(() => [])];

  for (const [i, moment] of at.entries()) {
    if (i > 0 && moment - at[i - 1] > usual * GAP) {
      out[0].push(at[i - 1] + usual);
      lists.forEach((list, n) => out[n + 1].push(null));
    }
    out[0].push(moment);
    lists.forEach((list, n) => out[n + 1].push(list[i]));
  }
  return out;
}
