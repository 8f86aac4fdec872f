/* What runs here: the versions of the portal and of each component. */

import { html } from '../vendor/preact.js';
import { useResource } from '../hooks.js';
import { Badge, Loaded, Notice } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { Table } from '../ui/table.js';

const EVERY_MSECS = 10000;

export default function About() {
  const resource = useResource('/about', { every: EVERY_MSECS });

  return html`
    <${PageHead} title="About">
      mailportal, an administration portal for mail servers.
    <//>
    <div>
      <${Loaded} resource=${resource} lines=${6}>
        ${(about) => html`
          <section class="card" aria-label="Portal">
            <dl class="facts">
              <div><dt>API</dt><dd>${about.api}</dd></div>
              <div><dt>Pages</dt><dd>${about.gui}</dd></div>
            </dl>
          </section>
          <section class="card" aria-labelledby="components">
            <h2 id="components">Components</h2>
            <${Components} about=${about} />
          </section>`}
      <//>
    </div>
    <section class="card" aria-labelledby="license">
      <h2 id="license">License</h2>
      <p>mailportal is free software under the BSD 2-Clause License, without
        any warranty. The pages use Preact and uPlot (MIT License) and htm
        (Apache License 2.0).</p>
    </section>`;
}

function Components({ about: { api, components, stale } }) {
  return html`
    ${stale && html`
      <${Notice} kind="warn" title="Redis does not answer.">
        <p>Which components run is not known now.</p>
      <//>`}
    <${Table} caption="Components" rows=${components} columns=${columnsOf(api)}
      keyOf=${({ component, node }) => `${component} ${node}`}
      start=${{ id: 'node', direction: 'ascending' }} empty=${!stale && EMPTY}
      />`;
}

const EMPTY = html`<p><strong>No component has reported yet.</strong></p>`;

const columnsOf = (api) => [
  {
    id: 'node',
    label: 'Node',
    sort: ({ node, component }) => `${node} ${component}`,
    cell: ({ node }) => node,
  },
  {
    id: 'component',
    label: 'Program',
    sort: ({ component }) => component,
    cell: ({ component }) => component,
  },
  {
    id: 'build',
    label: 'Version',
    kind: 'text',
    cell: ({ build }) => html`${build || '–'}${' '}
      ${build && !build.includes(api) && html`
        <${Badge} kind="warn">not that of the API<//>`}`,
  },
];
