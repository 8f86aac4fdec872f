/* Which version is in force at each node, and what is wrong there. */

import { html } from '../vendor/preact.js';
import { followsLists, useNodes } from '../nodes.js';
import {
  plural, showAgo, showCount, showMsecs, showTime,
} from '../text.js';
import { compareIds } from '../ui/force.js';
import { Badge, Loaded, Notice } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { Table } from '../ui/table.js';

const EVERY_MSECS = 2000;

export default function Nodes() {
  const resource = useNodes(EVERY_MSECS);

  return html`
    <${PageHead} title="In force at each node">
      What each server runs now. A node that cannot reach Redis keeps its last
      version and says so.
    <//>
    <${Loaded} resource=${resource} lines=${6}>
      ${({ nodes, problems }) => html`
        <${Summary} nodes=${nodes} problems=${problems}
          newest=${newestOf(nodes)} />
        <section class="card">
          <${Table} caption="Nodes" rows=${nodes} start=${BY_NODE}
            keyOf=${(row) => `${row.component} ${row.node}`}
            rowKind=${(row) => (isWell(row) ? null : 'bad')}
            columns=${columnsOf(newestOf(nodes))} empty=${EMPTY} />
        </section>`}
    <//>`;
}

const BY_NODE = { id: 'node', direction: 'ascending' };
const EMPTY = html`
  <p><strong>No node has reported yet.</strong></p>
  <p>Each one does so within seconds of its start.</p>`;

/* Which components have the lists in memory; the others ask Redis. */
const HOLDERS = new Set(['milter']);

const isWell = (node) => !node.stale && node.problems.length === 0;

const lacksLists = (node, newest) => followsLists(node)
  && compareIds(node.lists, newest.lists) < 0;

const newestOf = (nodes) => ({
  settings: Math.max(0, ...nodes.map((node) => node.settings)),
  lists: nodes.reduce(
    (last, { lists }) => (compareIds(lists, last) > 0 ? lists : last), '',
  ),
});

function Summary({ nodes, problems, newest }) {
  const troubled = nodes.filter((node) => !isWell(node));
  const behind = nodes.filter((node) => isWell(node)
    && (node.settings < newest.settings
      || lacksLists(node, newest)));

  /* what this server sees of Redis, which no node can tell then */
  if (problems.length > 0) {
    return html`
      <${Notice} kind="bad" title="The portal itself has a problem.">
        ${problems.map((text) => html`<p key=${text}>${text}</p>`)}
        <p>Mail goes on with the version that is in force at each node.</p>
      <//>`;
  }
  if (nodes.length === 0) {
    return null;
  }
  if (troubled.length > 0) {
    return html`
      <${Notice} kind="bad" title=${`${plural(troubled.length, 'node has a '
        + 'problem', 'nodes have problems')}.`}>
        <p>Mail goes on with the version that is in force there.</p>
      <//>`;
  }
  if (behind.length > 0) {
    return html`<${Notice} kind="warn" title=${`${plural(behind.length,
      'node is', 'nodes are')} behind.`} />`;
  }
  return html`
    <${Notice} kind="good" title=${`Version ${newest.settings} is in force `
      + `everywhere.`} />`;
}

const columnsOf = (newest) => [
  {
    id: 'node',
    label: 'Node',
    sort: (row) => `${row.node} ${row.component}`,
    cell: (row) => html`${row.node}${' '}
      <span class="muted block">${row.component} ${row.version}</span>`,
  },
  {
    id: 'settings',
    label: 'Settings',
    kind: 'number',
    sort: (row) => row.settings,
    cell: (row) => html`${row.settings || '–'}
      ${row.settings < newest.settings && html`
        <span class="block"><${Badge} kind="warn">behind<//></span>`}`,
  },
  {
    id: 'lists',
    label: 'Lists',
    sort: (row) => (row.blacklist || 0) + (row.whitelist || 0),
    cell: (row) => html`${HOLDERS.has(row.component)
      ? html`${showCount(row.blacklist)} blocked,${' '}
          ${showCount(row.whitelist)} allowed`
      : html`<span class="muted">–</span>`}
      ${lacksLists(row, newest) && html`
        <span class="block"><${Badge} kind="warn">behind<//></span>`}`,
  },
  {
    id: 'lag',
    label: 'Lag',
    kind: 'number',
    sort: (row) => row.lag_ms,
    cell: (row) => showMsecs(row.lag_ms),
  },
  {
    id: 'seen',
    label: 'Seen',
    sort: (row) => row.seen_at || '',
    cell: ({ seen_at: at }) => (at
      ? html`<time datetime=${at} title=${showTime(at)}>${showAgo(at)}</time>`
      : html`<span class="muted">–</span>`),
  },
  {
    id: 'state',
    label: 'State',
    kind: 'text',
    sort: (row) => row.problems.length + (row.stale ? 1 : 0),
    cell: (row) => html`<${State} node=${row} />`,
  },
];

function State({ node }) {
  if (isWell(node)) {
    return html`<${Badge} kind="good">well<//>`;
  }
  return html`
    <${Badge} kind=${node.stale ? 'bad' : 'warn'}>
      ${node.stale ? 'stale' : 'problem'}<//>
    ${node.problems.map((text) => html`
      <span class="block" key=${text}>${text}</span>`)}`;
}
