/* The cards of what the agent does, where there is one. */

import { html, useRef, useState } from '../vendor/preact.js';
import { useStart } from '../jobs.js';
import { ACTIONS } from '../job-words.js';
import { silentSince, useSeenNodes } from '../nodes.js';
import { href } from '../router.js';
import { Field } from '../ui/field.js';
import { JobCard } from '../ui/job.js';
import { Notice, ProblemNotice } from '../ui/notice.js';

/* The agents that have reported, or null as long as nothing is known. */
export function useAgents() {
  const seen = useSeenNodes();

  return seen
    && seen.nodes.filter(({ component }) => component === 'agent');
}

/* shown, onStarted, onEnd, onHide: as of the cards of mailboxes. */
export function AgentCards({ shown, ...events }) {
  const agents = useAgents();
  const jobsOf = (action) => shown.filter(({ job }) => job.action === action);

  if (!agents || agents.length === 0) {
    return null;
  }
  return html`
    <${Silent} agents=${agents} />
    <${BackupCard} jobs=${jobsOf('radicale-backup')} ...${events}>
      <p><a href=${href('backups')}>See the backups</a></p>
    <//>
    <${VerifyCard} jobs=${jobsOf('verify-cache-clear')} ...${events} />`;
}

function Silent({ agents }) {
  return agents.every((node) => silentSince(node) !== null) && html`
    <div class="banner">
      <${Notice} kind="warn" title="No agent answers.">
        <p>What is started below waits until one does.</p>
      <//>
    </div>`;
}

/* A card with what is asked in it, and the jobs that it has led to. */
function Card({
  action, jobs, onStarted, onEnd, onHide, children, starting, fields = [],
}) {
  const heading = useRef(null);
  const hide = (id) => {
    heading.current.focus({ preventScroll: true });
    onHide(id);
  };
  const { problem, lost } = starting;

  return html`
    <section class="card action" aria-labelledby=${action}>
      <div>
        <h2 id=${action} ref=${heading} tabindex="-1">
          ${ACTIONS[action].label}</h2>
        <p class="muted">${ACTIONS[action].doc}</p>
      </div>
      ${children}
      ${problem && !fields.some((name) => problem.field(name)) && html`
        <${ProblemNotice} problem=${problem} />`}
      ${lost && html`
        <p>Whether the job was taken is not known. Press the button again: that
          makes no second one.</p>`}
      ${jobs.map(({ job, first }) => html`
        <${JobCard} key=${job.id} id=${job.id} first=${job}
          already=${first === false} onStarted=${onStarted} onEnd=${onEnd}
          onClose=${() => hide(job.id)} />`)}
    </section>`;
}

const BACKUP = 'radicale-backup';

export function BackupCard({ children, ...card }) {
  const starting = useStart(card.onStarted);
  const [draft, setDraft] = useState({ one: false, user: '' });
  const [error, setError] = useState(null);
  const user = draft.user.trim();

  const put = (changes) => {
    setDraft({ ...draft, ...changes });
    setError(null);
    starting.clear();
  };
  const submit = (event) => {
    event.preventDefault();
    if (draft.one && !user.includes('@')) {
      setError('Enter the whole address of the user.');
    } else {
      starting.start({ action: BACKUP, target: draft.one ? user : undefined });
    }
  };
  const fault = error
    || (starting.problem && starting.problem.field('target'));

  return html`
    <${Card} action=${BACKUP} starting=${starting} fields=${['target']}
      ...${card}>
      <form class="start" onSubmit=${submit} novalidate>
        <${Who} draft=${draft} put=${put} fault=${fault} />
        <button type="submit" class="main" aria-disabled=${starting.busy}>
          ${starting.busy ? 'Starting…' : 'Back up now'}</button>
      </form>
      ${children}
    <//>`;
}

function Who({ draft, put, fault }) {
  return html`
    <${Field} label="Of" error=${!draft.one && fault}>
      ${(id, attributes) => html`
        <select id=${id} value=${draft.one ? 'one' : 'all'}
          onChange=${(event) => put({ one: event.target.value === 'one' })}
          ...${attributes}>
          <option value="all">All users</option>
          <option value="one">One user</option>
        </select>`}
    <//>
    ${draft.one && html`
      <${Field} label="User" error=${fault}>
        ${(id, attributes) => html`
          <input id=${id} type="text" value=${draft.user} inputmode="email"
            autocomplete="off" autocapitalize="none" spellcheck="false"
            placeholder="alice@example.com"
            onInput=${(event) => put({ user: event.target.value })}
            ...${attributes} />`}
      <//>`}`;
}

const VERIFY = 'verify-cache-clear';

/* Counted first; the count then offers to clear. */
function VerifyCard(card) {
  const starting = useStart(card.onStarted);
  const count = () => starting.start({ action: VERIFY }, { dryRun: true });

  return html`
    <${Card} action=${VERIFY} starting=${starting} ...${card}>
      <p><button type="button" class="main" aria-disabled=${starting.busy}
        onClick=${count}>${starting.busy ? 'Starting…'
          : 'See what would go'}</button></p>
    <//>`;
}
