/* Load, memory and disks of each node, now and as they went. */

import { html } from '../vendor/preact.js';
import { useResource } from '../hooks.js';
import { href } from '../router.js';
import {
  plural, showAgo, showBytes, showScore, showTime,
} from '../text.js';
import { Loaded, Notice } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { Curve } from '../ui/curve.js';
import { Disks } from './usage-disks.js';
import { UsageTable } from './usage-table.js';

const RANGES = [
  { hours: 1, label: '1 hour' },
  { hours: 24, label: '24 hours' },
  { hours: 168, label: '7 days' },
  { hours: 720, label: '30 days' },
  { hours: 8760, label: '1 year' },
];
const USUAL = 24;
const SOON_MSECS = 10000;
const EVERY_MSECS = 60000;

export default function Usage({ query }) {
  const { hours } = RANGES.find((range) => String(range.hours) === query.hours)
    || { hours: USUAL };

  return html`
    <${PageHead} title="Usage">
      Load, memory and disks of each server. A sample is taken each minute and
      kept for a week; one of each hour is kept for a year.
    <//>
    <nav class="tabs" aria-label="Time">
      ${RANGES.map((range) => html`
        <a key=${range.hours} href=${href('usage', { hours: range.hours })}
          aria-current=${range.hours === hours ? 'page' : null}>
          ${range.label}</a>`)}
    </nav>
    <${Nodes} hours=${hours} />`;
}

function Nodes({ hours }) {
  const resource = useResource(`/usage?hours=${hours}`, {
    every: hours === 1 ? SOON_MSECS : EVERY_MSECS,
  });

  return html`
    <div class="after-tabs" aria-busy=${resource.loading ? 'true' : null}>
      <${Loaded} resource=${resource} lines=${8}>
        ${({ nodes }) => (nodes.length === 0
          ? html`<div class="card empty">${EMPTY}</div>`
          : nodes.map((node) => html`
              <${Node} key=${node.node} node=${node} />`))}
      <//>
    </div>`;
}

const EMPTY = html`
  <p><strong>No agent has reported yet.</strong></p>
  <p>mailportal-agent samples the server that it runs on.</p>`;

function Node({ node: { node, stale, samples, radicale } }) {
  const last = samples[samples.length - 1];

  return html`
    <section class="card usage" aria-label=${node}>
      <h2>${node}</h2>
      ${stale && html`
        <${Notice} kind="bad" title="This server’s agent does not answer.">
          ${last && html`<p>Its last sample is of ${showAgo(last.at)}.</p>`}
        <//>`}
      ${last
        ? html`<${Samples} samples=${samples} last=${last} />`
        : html`<p class="muted">Nothing was sampled in this time.</p>`}
      ${radicale && html`<${Radicale} found=${radicale} />`}
    </section>`;
}

function Radicale({ found: { addressbooks, calendars, at } }) {
  return html`
    <h3>Radicale</h3>
    <p>${plural(addressbooks, 'address book')},${' '}
      ${plural(calendars, 'calendar')}${' '}
      <span class="muted small">counted <time datetime=${at}
        title=${showTime(at)}>${showAgo(at)}</time></span></p>`;
}

const momentOf = ({ at }) => Math.round(new Date(at).getTime() / 1000);

function Samples({ samples, last }) {
  const at = samples.map(momentOf);

  return html`
    <h3>Load</h3>
    <${Curve} label="Load" at=${at} show=${showScore} series=${[
      ['1 minute', 0], ['5 minutes', 1], ['15 minutes', 2],
    ].map(([label, i]) => ({
      label, values: samples.map(({ load }) => load[i]),
    }))} />
    <p class="muted small">A load of ${last.processors} keeps all processors
      busy.</p>
    <h3>Memory</h3>
    <${Curve} label="Memory" at=${at} show=${showBytes} max=${last.memory}
      binary series=${memoryOf(samples)} />
    <p class="muted small">Of ${showBytes(last.memory)}${last.swap > 0
      && `, and ${showBytes(last.swap)} of swap`}.</p>
    <h3>Disks</h3>
    <${Disks} disks=${last.disks} at=${at} samples=${samples} />
    <${UsageTable} samples=${samples} />`;
}

function memoryOf(samples) {
  const swaps = samples.some(({ swap }) => swap > 0);
  const used = {
    label: 'Used',
    values: samples.map(({ memory, available }) => memory - available),
  };

  return swaps ? [used, {
    label: 'Swap used', values: samples.map((sample) => sample.swap_used),
  }] : [used];
}
