/* The jobs of the last months, newest first. */

import { html, useEffect, useState } from '../vendor/preact.js';
import { withQuery } from '../api.js';
import { useResource } from '../hooks.js';
import {
  ACTIONS, countsOf, labelOfJob, scopeOf, stateOf, whoOf,
} from '../job-words.js';
import { href } from '../router.js';
import { Field } from '../ui/field.js';
import { Badge, Loaded } from '../ui/notice.js';
import { Time } from '../ui/page.js';
import { Pager, Table } from '../ui/table.js';

const LIMIT = 20;
const FIRST = [''];

/*
 * changes: another text whenever a job is new or has another state; recent:
 * the newest jobs as they are now.
 */
export function JobsTable({ changes, recent }) {
  const [action, setAction] = useState('');
  const [cursors, setCursors] = useState(FIRST);
  const cursor = cursors[cursors.length - 1];
  const resource = useResource(
    withQuery('/jobs', { action, cursor, limit: LIMIT }),
  );

  const now = new Map(recent.map((job) => [job.id, job]));

  useEffect(() => {
    if (changes) {
      resource.reload();
    }
  }, [changes]);

  const choose = (event) => {
    setAction(event.target.value);
    setCursors(FIRST);
  };

  return html`
    <section class="card" aria-labelledby="jobs">
      <div class="table-tools">
        <h2 id="jobs">Jobs</h2>
        <${Field} label="Show">
          ${(id) => html`
            <select id=${id} value=${action} onChange=${choose}>
              <option value="">All actions</option>
              ${Object.entries(ACTIONS).map(([name, { label }]) => html`
                <option key=${name} value=${name}>${label}</option>`)}
            </select>`}
        <//>
      </div>
      <${Loaded} resource=${resource} lines=${6}>
        ${(data) => html`
          <${Table} caption="Jobs" columns=${COLUMNS}
            rows=${data.jobs.map((job) => now.get(job.id) || job)}
            keyOf=${(row) => row.id} busy=${resource.loading}
            rowKind=${(row) => (row.state === 'failed' ? 'bad' : null)}
            empty=${EMPTY} />
          <${Pager} page=${cursors.length - 1} next=${data.cursor}
            onPrevious=${() => setCursors(cursors.slice(0, -1))}
            onNext=${() => setCursors([...cursors, data.cursor])} />`}
      <//>
    </section>`;
}

const EMPTY = html`
  <p><strong>No job yet.</strong></p>
  <p>What is started above is listed here, and stays for three months.</p>`;

const COLUMNS = [
  {
    id: 'action',
    label: 'Job',
    kind: 'text',
    cell: (row) => html`
      <a href=${href(`jobs/${row.id}`)}>${labelOfJob(row)}</a>
      <span class="muted block">${scopeOf(row)}</span>`,
  },
  {
    id: 'state',
    label: 'State',
    cell: (row) => html`
      <${Badge} kind=${stateOf(row).kind}>${stateOf(row).label}<//>`,
  },
  {
    id: 'counts',
    label: 'Done',
    kind: 'text',
    cell: (row) => (row.total > 0 && countsOf(row))
      || html`<span class="muted">–</span>`,
  },
  { id: 'who', label: 'Who', kind: 'text', cell: (row) => whoOf(row) },
  {
    id: 'when',
    label: 'When',
    cell: (row) => html`<${Time} at=${row.created_at} />`,
  },
];
