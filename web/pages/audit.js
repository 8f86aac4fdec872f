/* Who did what, when and from where. */

import { html, useState } from '../vendor/preact.js';
import { withQuery } from '../api.js';
import { useResource } from '../hooks.js';
import { labelOfJob, scopeOf } from '../job-words.js';
import { go, href } from '../router.js';
import { sentence, showTime } from '../text.js';
import { Field } from '../ui/field.js';
import { Badge, Loaded } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { Pager, Table } from '../ui/table.js';
import { KINDS, resultOf, wordsOf } from './audit-words.js';

const LIMIT = 50;

export default function Audit({ query }) {
  const kind = KINDS[query.what] ? query.what : '';
  const choose = (event) => go('audit', { what: event.target.value });

  return html`
    <${PageHead} title="Audit log">
      Who did what, when and from where, here and at the mailboxes.
    <//>
    <section class="card" aria-label="Entries">
      <div class="table-tools">
        <${Field} label="Show">
          ${(id) => html`
            <select id=${id} value=${kind} onChange=${choose}>
              <option value="">Everything</option>
              ${Object.entries(KINDS).map(([name, { label }]) => html`
                <option key=${name} value=${name}>${label}</option>`)}
            </select>`}
        <//>
      </div>
      <${Entries} key=${kind} kind=${kind} />
    </section>`;
}

function Entries({ kind }) {
  const [cursors, setCursors] = useState(['']);
  const resource = useResource(withQuery('/audit', {
    what: kind && KINDS[kind].what.join(','),
    cursor: cursors[cursors.length - 1],
    limit: LIMIT,
  }));

  return html`
    <${Loaded} resource=${resource} lines=${10}>
      ${({ entries, cursor }) => html`
        <${Table} caption="Entries" rows=${entries} columns=${COLUMNS}
          keyOf=${(row) => row.id} busy=${resource.loading}
          empty=${cursor ? FURTHER : NONE} />
        <${Pager} page=${cursors.length - 1} next=${cursor}
          onPrevious=${() => setCursors(cursors.slice(0, -1))}
          onNext=${() => setCursors([...cursors, cursor])} />`}
    <//>`;
}

const NONE = html`
  <p><strong>Nothing of this kind has been done.</strong></p>`;

/* A page is looked for in so many entries; older ones may have some. */
const FURTHER = html`
  <p><strong>Nothing of this kind here.</strong></p>
  <p>Older entries are on the next pages.</p>`;

const COLUMNS = [
  {
    id: 'what',
    label: 'What',
    kind: 'text',
    cell: (row) => html`${wordsOf(row)}${' '}<${Result} row=${row} />`,
  },
  { id: 'target', label: 'To what', kind: 'text', cell: targetOf },
  { id: 'actor', label: 'Who', kind: 'text', cell: actorOf },
  {
    id: 'from',
    label: 'From',
    kind: 'text',
    cell: (row) => row.from || html`<span class="muted">–</span>`,
  },
  {
    id: 'at',
    label: 'When',
    cell: (row) => html`<time datetime=${row.at}>${showTime(row.at)}</time>`,
  },
];

function Result({ row: { result } }) {
  const text = resultOf(result);

  return text && html`
    <span class="block"><${Badge} kind="bad">not done<//>${' '}
      <span class="muted">${sentence(text)}</span></span>`;
}

function actorOf({ actor }) {
  return actor || html`<span class="muted">–</span>`;
}

/* "quota-recalc example.com 01a20518e4d5e051f28175c0" */
const JOB = /^(\S+)(?: (\S+))? ([0-9a-f]{24})$/;

function targetOf({ what, target, actor }) {
  const [, action, scope, id] = (what.startsWith('job.')
    && JOB.exec(target)) || [];

  if (!target || target === actor) {
    return html`<span class="muted">–</span>`;
  }
  return id
    ? html`
      <a href=${href(`jobs/${id}`)}>${labelOfJob({ action })}</a>
      <span class="block">${scopeOf({ target: scope })}</span>`
    : target;
}
