/* What the servers can be told to do to mailboxes, and the jobs of it. */

import { html, useState } from '../vendor/preact.js';
import { useResource } from '../hooks.js';
import { hasEnded } from '../jobs.js';
import { ACTIONS } from '../job-words.js';
import { silentSince, useNodes } from '../nodes.js';
import { href } from '../router.js';
import { plural } from '../text.js';
import { Notice } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { ActionCard } from './action-card.js';
import { JobsTable } from './jobs-table.js';

const EVERY_MSECS = 5000;
const RECENT = 50;

export default function Actions({ query }) {
  const [mine, setMine] = useState([]);
  const recent = useResource(`/jobs?limit=${RECENT}`, { every: EVERY_MSECS });
  const rows = recent.data ? recent.data.jobs : [];
  const changes = rows.map((job) => job.id + job.state).join();

  const add = (job, first) => {
    setMine((jobs) => [
      { job, first }, ...jobs.filter((other) => other.job.id !== job.id),
    ]);
    recent.reload();
  };
  const drop = (id) => setMine(
    (jobs) => jobs.filter((other) => other.job.id !== id),
  );

  return html`
    <${PageHead} title="Actions">
      Work on mailboxes that Dovecot does by itself. A job goes on when this
      page is left, and mail is delivered and read meanwhile.
    <//>
    <${Executors} />
    ${Object.keys(ACTIONS).map((action) => html`
      <${ActionCard} key=${action} action=${action} onStarted=${add}
        onHide=${drop} target=${query.action === action ? query.target : ''}
        jobs=${jobsOf(action, mine, rows)} />`)}
    <${JobsTable} changes=${changes} recent=${rows} />`;
}

/* Those that were started here, and all that have not ended. */
function jobsOf(action, mine, rows) {
  const shown = mine.filter(({ job }) => job.action === action);
  const others = rows.filter((job) => job.action === action && !hasEnded(job)
    && !shown.some((entry) => entry.job.id === job.id));

  return [...shown, ...others.map((job) => ({ job, row: true }))];
}

/* Whether there is a server that does it. */
function Executors() {
  const { data } = useNodes(EVERY_MSECS);
  const nodes = (data ? data.nodes : [])
    .filter(({ component }) => component === 'dovecot');

  if (!data || nodes.some((node) => silentSince(node) === null)) {
    return null;
  }
  return html`
    <div class="banner">
      <${Notice} kind="warn" title=${nodes.length === 0
        ? 'No Dovecot server has reported.'
        : `${plural(nodes.length, 'Dovecot server does', 'Dovecot servers do')}
          not answer.`}>
        <p>What is started here waits until one does. See
          ${' '}<a href=${href('nodes')}>Nodes</a>.</p>
      <//>
    </div>`;
}
