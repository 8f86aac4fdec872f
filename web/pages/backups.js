/* The backups of Radicale: made, fetched, removed. */

import { html, useState } from '../vendor/preact.js';
import { del } from '../api.js';
import { useResource } from '../hooks.js';
import { useNodes } from '../nodes.js';
import {
  plural, showAgo, showBytes, showCount, showTime,
} from '../text.js';
import { Dialog } from '../ui/dialog.js';
import { Loaded, Notice, ProblemNotice } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { Table } from '../ui/table.js';
import { toast } from '../ui/toast.js';
import { BackupCard, useAgents } from './agent-cards.js';

const EVERY_MSECS = 10000;
const NODES_MSECS = 10000;

export default function Backups() {
  const resource = useResource('/backups', { every: EVERY_MSECS });
  const [asked, setAsked] = useState(null);

  const removed = ({ name }) => {
    setAsked(null);
    toast(`Removed ${name}.`);
    document.getElementById('main').focus({ preventScroll: true });
    resource.reload();
  };

  return html`
    <${PageHead} title="Backups">
      Calendars and address books of Radicale, as ZIP files at the server that
      made them. The oldest go when there are too many.
    <//>
    <${Now} onEnd=${resource.reload} />
    <section class="card" aria-label="Backups">
      <${Loaded} resource=${resource} lines=${6}>
        ${({ backups }) => html`
          <${Table} caption="Backups" rows=${newestFirst(backups)}
            keyOf=${keyOf} columns=${columnsOf(setAsked)} empty=${EMPTY} />`}
      <//>
    </section>
    ${asked && html`
      <${Remove} backup=${asked} onDone=${removed}
        onClose=${() => setAsked(null)} />`}`;
}

const keyOf = ({ node, name }) => `${node} ${name}`;

const newestFirst = (backups) => [...backups].sort(
  (a, b) => (a.created_at < b.created_at ? 1 : -1),
);

const EMPTY = html`
  <p><strong>No backup yet.</strong></p>
  <p>Each one is listed here when it is whole.</p>`;

/* "Back up now", and what came of it. */
function Now({ onEnd }) {
  const [shown, setShown] = useState([]);
  const nodes = useNodes(NODES_MSECS);
  const agents = useAgents();

  if (!nodes.data) {
    return null;
  }
  if (agents.length === 0) {
    return html`
      <div class="banner">
        <${Notice} kind="warn" title="No agent has reported.">
          <p>mailportal-agent, at the server of Radicale, makes backups.</p>
        <//>
      </div>`;
  }
  return html`
    <${BackupCard} jobs=${shown} onEnd=${onEnd}
      onStarted=${(job, first) => setShown([{ job, first }, ...shown.filter(
        (one) => one.job.id !== job.id,
      )])}
      onHide=${(id) => setShown(shown.filter(({ job }) => job.id !== id))} />`;
}

const columnsOf = (ask) => [
  {
    id: 'target',
    label: 'Of',
    kind: 'user',
    sort: ({ target }) => target || '',
    cell: ({ target }) => target || 'all users',
  },
  {
    id: 'when',
    label: 'Made',
    sort: ({ created_at: at }) => at,
    cell: ({ created_at: at }) => html`<time datetime=${at}>${showTime(at)}
      </time><span class="muted block">${showAgo(at)}</span>`,
  },
  {
    id: 'node',
    label: 'At',
    sort: ({ node }) => node,
    cell: ({ node }) => node,
  },
  {
    id: 'bytes',
    label: 'Size',
    kind: 'number',
    sort: ({ bytes }) => bytes,
    cell: ({ bytes }) => showBytes(bytes),
  },
  {
    id: 'items',
    label: 'Content',
    kind: 'text',
    cell: (row) => html`${plural(row.collections, 'collection')},${' '}
      ${showCount(row.items)} ${row.items === 1 ? 'item' : 'items'}
      <${Sum} of=${row} />`,
  },
  {
    id: 'acts',
    label: 'Download or remove',
    silent: true,
    kind: 'act',
    cell: (row) => html`
      <a class="button" href=${`/api/v1/backups/${row.name}`}
        download=${row.name}>Download
        <span class="hidden"> ${row.name}</span></a>
      <button type="button" class="quiet" onClick=${() => ask(row)}>Remove
        <span class="hidden"> ${row.name}</span></button>`,
  },
];

/* To compare with that of the file that was fetched. */
function Sum({ of: { name, sha256 } }) {
  return html`
    <details class="sum">
      <summary>SHA-256<span class="hidden"> of ${name}</span></summary>
      <code>${sha256}</code>
    </details>`;
}

function Remove({ backup, onDone, onClose }) {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);

  const remove = async () => {
    setBusy(true);
    try {
      await del(`/backups/${backup.name}`);
      onDone(backup);
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
    }
  };

  return html`
    <${Dialog} title="Remove this backup for good?" onClose=${onClose}
      close="Keep it" careful actions=${html`
        <button type="button" class="main" disabled=${busy}
          onClick=${remove}>Remove the backup</button>`}>
      <p>Of ${backup.target || 'all users'}, made at
        ${' '}${showTime(backup.created_at)}. It cannot be undone.</p>
      ${problem && html`<${ProblemNotice} problem=${problem} />`}
    <//>`;
}
