/*
 * What happens to which score, as a bar and in words.  The picture is drawn
 * in percent of its width, so that it needs no style of its own.
 */

import { html, useRef } from '../vendor/preact.js';
import { showScore } from '../text.js';

const OUTCOMES = {
  pass: 'Delivered.',
  defer: 'Deferred once with 451, and taken when the sender’s server tries '
    + 'again.',
  junk: 'Delivered into Junk, with X-Spam: Yes.',
  reject: 'Refused with 550 5.7.1; the sender is told.',
};

const LEVELS = [
  { outcome: 'defer', id: 'defer' },
  { outcome: 'junk', id: 'add_header' },
  { outcome: 'reject', id: 'reject' },
];

/*
 * values: the levels by their ids; undefined or 999 is off.  While they are
 * out of order, the last picture stays and is dimmed.
 */
export function Scale({ values, broken }) {
  const good = useRef(values);

  if (!broken) {
    good.current = values;
  }
  const bands = bandsOf(good.current);
  const end = endOf(bands);

  return html`
    <figure class="scale" data-broken=${broken ? '' : null}>
      <svg class="bar" width="100%" height="76" aria-hidden="true">
        ${bands.map((band, i) => html`
          <${Band} key=${band.outcome} band=${band} end=${end}
            last=${i === bands.length - 1} below=${i % 2 === 0} />`)}
      </svg>
      <figcaption>
        <ul class="legend">
          ${bands.map((band) => html`
            <li key=${band.outcome} data-outcome=${band.outcome}>
              <span class="swatch" aria-hidden="true"></span>
              <span><strong>${rangeOf(band)}</strong>${' '}
                ${OUTCOMES[band.outcome]}</span>
            </li>`)}
        </ul>
      </figcaption>
    </figure>`;
}

function Band({ band, end, last, below }) {
  const x = (band.from / end) * 100;
  const width = ((last ? end : band.to) - band.from) / end * 100;
  const anchor = x < 5 ? 'start' : ANCHORS[band.outcome];

  return html`
    <rect data-outcome=${band.outcome} x=${`${x}%`} y="24"
      width=${`${Math.max(width, 0)}%`} height="28" />
    ${band.outcome !== 'pass' && html`
      <line x1=${`${x}%`} x2=${`${x}%`} y1=${below ? 24 : 18}
        y2=${below ? 58 : 52} />
      <text x=${`${x}%`} y=${below ? 72 : 13} text-anchor=${anchor}>
        ${showScore(band.from)}
      </text>`}`;
}

/* Such that neighbours that lie close do not cover each other. */
const ANCHORS = { defer: 'end', junk: 'middle', reject: 'start' };

/* The outcomes from the lowest score up, each with its range. */
export function bandsOf(values) {
  const bands = [{ outcome: 'pass', from: 0, to: Infinity }];

  for (const { outcome, id } of LEVELS) {
    const from = values[id];
    const below = bands[bands.length - 1];

    if (from !== undefined && from < 999 && from >= below.from) {
      below.to = from;
      bands.push({ outcome, from, to: Infinity });
    }
  }
  return bands;
}

function endOf(bands) {
  return Math.max(bands[bands.length - 1].from * 1.4, 5);
}

function rangeOf({ from, to }) {
  if (to === Infinity) {
    return from === 0 ? 'Every score' : `${showScore(from)} and more`;
  }
  return from === 0
    ? `Below ${showScore(to)}` : `${showScore(from)} up to ${showScore(to)}`;
}
