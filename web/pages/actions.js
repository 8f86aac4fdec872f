/* What the servers can be told to do, and the jobs of it. */

import { html, useEffect, useState } from '../vendor/preact.js';
import { useResource } from '../hooks.js';
import { hasEnded } from '../jobs.js';
import { ACTIONS, executorOf } from '../job-words.js';
import { silentSince, useNodes } from '../nodes.js';
import { href } from '../router.js';
import { plural } from '../text.js';
import { Notice } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { ActionCard } from './action-card.js';
import { AgentCards } from './agent-cards.js';
import { JobsTable } from './jobs-table.js';

const EVERY_MSECS = 5000;
const RECENT = 50;

const MAILBOX_ACTIONS = Object.keys(ACTIONS)
  .filter((action) => executorOf({ action }) === 'dovecot');

export default function Actions({ query }) {
  const recent = useResource(`/jobs?limit=${RECENT}`, { every: EVERY_MSECS });
  const rows = recent.data ? recent.data.jobs : [];
  const changes = rows.map((job) => job.id + job.state).join();
  const [shown, show, hide] = useShown(rows, changes);

  const started = (job, first) => {
    show([{ job, first }]);
    recent.reload();
  };

  return html`
    <${PageHead} title="Actions">
      Work that the servers do by themselves. A job goes on when this page is
      left, and mail is delivered and read meanwhile.
    <//>
    <${Executors} />
    ${MAILBOX_ACTIONS.map((action) => html`
      <${ActionCard} key=${action} action=${action} onStarted=${started}
        onEnd=${recent.reload} onHide=${hide}
        target=${query.action === action ? query.target : ''}
        jobs=${shown.filter(({ job }) => job.action === action)} />`)}
    <${AgentCards} shown=${shown} onStarted=${started} onEnd=${recent.reload}
      onHide=${hide} />
    <${JobsTable} changes=${changes} recent=${rows} />`;
}

/* What goes on, and what was seen to end here, until it is hidden. */
function useShown(rows, changes) {
  const [shown, setShown] = useState([]);

  const hide = (id) => setShown(
    (old) => old.filter(({ job }) => job.id !== id),
  );
  const show = (entries) => setShown((old) => {
    const ids = new Set(entries.map(({ job }) => job.id));
    const others = old.filter(({ job }) => !ids.has(job.id));

    return [...entries, ...others].sort(newestFirst);
  });

  useEffect(() => {
    show(rows.filter((row) => !hasEnded(row)
      && !shown.some(({ job }) => job.id === row.id)).map((job) => ({ job })));
  }, [changes]);

  return [shown, show, hide];
}

/* Their ids begin with the time. */
const newestFirst = (a, b) => (a.job.id < b.job.id ? 1 : -1);

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
