/* What a job met, in tables: failures, drift, messages. */

import { html } from '../vendor/preact.js';
import { executorOf, remedyOf, stepLabel, stepsOf } from '../job-words.js';
import { href } from '../router.js';
import {
  sentence, showBytes, showCount, showDate, showTime,
} from '../text.js';
import { Table } from './table.js';

const hasSeveral = (job) => Object.keys(job.nodes || {}).length > 1;

const againOf = ({ action }, { target }) => href('actions', {
  action, target,
});

/* What the agent did, one after the other, as it says it. */
export function Steps({ job }) {
  const steps = executorOf(job) === 'agent' ? stepsOf(job) : [];

  if (steps.length === 0) {
    return null;
  }
  return html`
    <ol class="steps" aria-label="Steps">
      ${steps.map(({ step, text, node, bad }, i) => html`
        <li key=${i} data-kind=${bad ? 'bad' : 'good'}>
          <span class="sign" aria-hidden="true">${bad ? '✕' : '✓'}</span>
          <span><strong>${stepLabel(step)}</strong>
            ${bad && html`<span class="hidden"> failed</span>`}${' '}
            ${sentence(text)}${hasSeveral(job) && html`
              <span class="muted"> at ${node}</span>`}</span>
        </li>`)}
    </ol>`;
}

/* What a backup has left out; why it failed as a whole is said above. */
function LeftOut({ job, rows }) {
  const files = (job.errors || []).filter(({ target }) => target);

  return html`
    <${List} title="Left out" job=${job} rows=${rows} all=${files}
      count=${job.failed} columns=${[
    { ...USER, label: 'File' },
    {
      id: 'text', label: 'Why', kind: 'text', cell: (row) => row.text,
    },
  ]} />`;
}

export function Failures({ job, rows }) {
  const errors = job.errors || [];

  if (executorOf(job) === 'agent') {
    return html`<${LeftOut} job=${job} rows=${rows} />`;
  }

  return html`
    <${List} title="Failures" job=${job} rows=${rows} all=${errors}
      count=${job.failed} columns=${[
    { ...USER, cell: (row) => row.target || wholeOf(job, row) },
    {
      id: 'text',
      label: 'What failed',
      kind: 'text',
      cell: (row) => html`${row.text}${hasSeveral(job) && row.target && html`
        <span class="muted block">at ${row.node}</span>`}`,
    },
    {
      id: 'remedy',
      label: 'What to do',
      kind: 'text',
      cell: (row) => remedyOf(row.text || ''),
    },
    {
      id: 'again',
      label: 'Again',
      silent: true,
      kind: 'act',
      cell: (row) => row.target && html`
        <a class="button quiet" href=${againOf(job, row)}>Try again
          <span class="hidden"> ${row.target}</span></a>`,
    },
  ]} />`;
}

export function Drift({ job, rows }) {
  if (job.action !== 'quota-recalc' || !job.result) {
    return null;
  }
  return html`
    <${List} title="Usage that was wrong" job=${job} rows=${rows}
      all=${job.result.items || []} count=${job.result.drifted}
      columns=${[
    USER,
    {
      id: 'before',
      label: 'Before',
      kind: 'number',
      cell: (row) => size(row.before),
    },
    {
      id: 'after',
      label: 'After',
      kind: 'number',
      cell: (row) => size(row.after),
    },
  ]} />`;
}

export function Messages({ job, rows }) {
  if (job.action !== 'clear-folders' || !job.result) {
    return null;
  }
  return html`
    <${List} title=${job.dry_run ? 'Messages that would go'
      : 'Messages that went'} job=${job} rows=${rows}
      all=${job.result.items || []} count=${job.result.messages}
      columns=${[
    USER,
    { id: 'folder', label: 'Folder', kind: 'text', cell: (row) => row.folder },
    {
      id: 'uid', label: 'UID', kind: 'number', cell: (row) => row.uid,
    },
    {
      id: 'saved',
      label: 'There since',
      cell: (row) => row.saved_at && html`
        <time datetime=${row.saved_at} title=${showTime(row.saved_at)}>
          ${showDate(row.saved_at)}</time>`,
    },
    {
      id: 'bytes',
      label: 'Size',
      kind: 'number',
      cell: (row) => size(row.bytes),
    },
  ]} />`;
}

/* A server that failed as a whole has no user to name. */
const wholeOf = ({ target }, { node }) => (target && target.includes('@')
  ? target : `all at ${node}`);

const USER = {
  id: 'target', label: 'User', kind: 'user', cell: (row) => row.target,
};

const size = (bytes) => (bytes === undefined ? '–' : showBytes(bytes));

function List({ title, job, rows, all, count, columns }) {
  const shown = all.slice(0, rows);

  if (shown.length === 0) {
    return null;
  }
  return html`
    <section class="job-list">
      <h4>${title}</h4>
      <${Table} caption=${title} rows=${shown} columns=${columns}
        keyOf=${(row) => all.indexOf(row)} />
      <${Rest} job=${job} shown=${shown.length} kept=${all.length}
        count=${count} />
    </section>`;
}

/* A server keeps the first hundred of each kind; the others are counted. */
function Rest({ job, shown, kept, count }) {
  const all = Math.max(count, kept);

  if (shown < kept) {
    return html`
      <p class="muted">The first ${shown} of ${showCount(all)}.
        ${' '}<a href=${href(`jobs/${job.id}`)}>See more</a></p>`;
  }
  return count > kept && html`
    <p class="muted">The first ${showCount(kept)} of ${showCount(count)}; the
      others were counted only.</p>`;
}
