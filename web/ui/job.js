/*
 * A job: how far it is, at which server, what failed and what came of it.
 * rows is how much of each list is shown; the job's own page shows all.
 */

import { html, useEffect, useRef, useState } from '../vendor/preact.js';
import { del } from '../api.js';
import { usePoll } from '../hooks.js';
import { hasEnded, useJob } from '../jobs.js';
import {
  countsOf, executorOf, isSweep, labelOfJob, resultOf, sayOf, scopeOf,
  stateOf, whoOf,
} from '../job-words.js';
import { silentSince, useSeenNodes } from '../nodes.js';
import { href } from '../router.js';
import { showAgo } from '../text.js';
import { ClearNow } from './clear-now.js';
import { Dialog } from './dialog.js';
import { Drift, Failures, Messages, Steps } from './job-lists.js';
import { Badge, Loading, Notice, ProblemNotice } from './notice.js';
import { Time } from './page.js';
import { Progress } from './progress.js';

const ROWS = 5;
const SECOND = 1000;

/*
 * In a card of another page.  first is what is known of it; already: it was
 * there before it was asked for; onEnd is told that it has ended; onClose, if
 * any, takes it away then.
 */
export function JobCard({
  id, first, already = false, onStarted, onEnd, onClose, rows = ROWS,
}) {
  const { job, problem, set } = useJob(id, first);
  const ended = job !== null && hasEnded(job);

  useEffect(() => {
    if (ended && onEnd) {
      onEnd();
    }
  }, [ended]);

  if (job === null) {
    return problem
      ? html`<${ProblemNotice} problem=${problem} />`
      : html`<${Loading} lines=${2} />`;
  }
  return html`
    <article class="job" aria-label=${`${labelOfJob(job)}: ${scopeOf(job)}`}>
      <header class="job-head">
        <h3><a href=${href(`jobs/${job.id}`)}>
          ${job.dry_run && 'Dry run: '}${scopeOf(job)}</a></h3>
        <${Badge} kind=${stateOf(job).kind}>${stateOf(job).label}<//>
        <span class="muted small">${isSweep(job) ? whoOf(job)
          : `by ${whoOf(job)}`}, <${Time} at=${job.created_at} /></span>
        <span class="job-acts">
          <${Cancel} job=${job} onDone=${set} />
          ${ended && onClose && html`
            <button type="button" class="quiet" onClick=${onClose}>Hide
              <span class="hidden"> ${scopeOf(job)}</span></button>`}
        </span>
      </header>
      ${already && html`
        <${Notice} live title="This is being done already.">
          <p>No second job was made.</p>
        <//>`}
      <${JobBody} job=${job} rows=${rows} onStarted=${onStarted} />
    </article>`;
}

export function JobBody({ job, rows = Infinity, onStarted }) {
  const result = hasEnded(job) || job.state === 'running'
    ? resultOf(job) : null;
  const [, setSecond] = useState(0);

  usePoll(() => setSecond((n) => n + 1), job.next_at ? SECOND : 0);

  return html`
    <${Progress} label=${`Progress of ${labelOfJob(job)}, ${scopeOf(job)}`}
      done=${job.done} total=${hasEnded(job) ? job.total || 1 : job.total}
      kind=${barKind(job)} />
    <p class="job-says">${sayOf(job)}</p>
    <${Told} job=${job} />
    ${result && html`<p>${result}</p>`}
    <${Nodes} job=${job} />
    <${Steps} job=${job} />
    <${ClearNow} job=${job} onStarted=${onStarted} />
    <${Failures} job=${job} rows=${rows} />
    <${Drift} job=${job} rows=${rows} />
    <${Messages} job=${job} rows=${rows} />`;
}

const barKind = (job) => (hasEnded(job) ? stateOf(job).kind : null);

/* Read out at the end only: not each of a thousand users. */
function Told({ job }) {
  return html`
    <p class="hidden" role="status">${hasEnded(job) && sayOf(job)}</p>`;
}

/* Each server, when there are several, or when one waits for another. */
function Nodes({ job }) {
  const seen = useSeenNodes();
  const nodes = Object.entries(job.nodes || {});
  const waits = nodes.some(([, node]) => node.state === 'queued'
    || (node.state === 'running' && node.text && !node.next_at));

  if (nodes.length === 0 || (nodes.length === 1 && !waits)) {
    return null;
  }
  return html`
    <ul class="job-nodes" aria-label="Servers">
      ${nodes.map(([name, node]) => html`
        <li key=${name}>
          <strong>${name}</strong>
          <${Progress} label=${`Progress at ${name}`} done=${node.done}
            total=${node.state === 'running' ? node.total : node.total || 1}
            kind=${barKind(node)} />
          <span>${nodeSays(node, job, heartbeatOf(seen, job, name))}</span>
        </li>`)}
    </ul>`;
}

const heartbeatOf = (seen, job, name) => (seen ? seen.nodes : []).find(
  (node) => node.component === executorOf(job) && node.node === name,
);

/* "not seen for 3 min, waiting", "running: 3 of 20 users" */
function nodeSays(node, { action }, heartbeat) {
  const since = heartbeat && !hasEnded(node) ? silentSince(heartbeat) : null;
  const parts = [
    since && `not seen for ${showAgo(since).replace(/ ago$/, '')}`,
    stateOf(node).label,
  ];
  const says = parts.filter(Boolean).join(', ');
  const more = [node.total > 0 && countsOf({ ...node, action }), node.text];

  return [says, more.filter(Boolean).join('; ')].filter(Boolean).join(': ');
}

/*
 * Asks first: a job cannot be gone on with.  One that is being cancelled may
 * be once more, when a server has gone meanwhile: then it is not waited for.
 */
export function Cancel({ job, onDone }) {
  const [asking, setAsking] = useState(false);
  const seen = useSeenNodes();
  const waits = Boolean(job.cancelled_by) && !isSilent(seen, job);
  const box = useRef(null);
  const used = useRef(false);
  const ended = hasEnded(job);

  useEffect(() => {
    if (ended && used.current && document.activeElement === document.body) {
      headingOf(box.current).focus();
    }
  }, [ended]);

  const ask = () => {
    used.current = true;
    setAsking(!waits);
  };

  return html`
    <span ref=${box}>
      ${!ended && html`
        <button type="button" aria-disabled=${waits}
          onClick=${ask}>${waits ? 'Cancelling…' : 'Cancel job'}
          <span class="hidden"> ${scopeOf(job)}</span></button>`}
      ${!ended && asking && html`
        <${Sure} job=${job} onDone=${onDone}
          onClose=${() => setAsking(false)} />`}
    </span>`;
}

/* Whether a server that it waits for says nothing any more. */
const isSilent = (seen, job) => Object.entries(job.nodes || {})
  .some(([name, node]) => {
    const heartbeat = heartbeatOf(seen, job, name);

    return !hasEnded(node) && heartbeat && silentSince(heartbeat);
  });

/* Where the focus goes when its button is gone. */
const headingOf = (box) => box.closest('article, main')
  .querySelector('h1, h3 a');

function Sure({ job, onDone, onClose }) {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);

  const cancel = async () => {
    setBusy(true);
    try {
      onDone((await del(`/jobs/${job.id}`)).data);
      onClose();
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
    }
  };

  return html`
    <${Dialog} title="Cancel this job?" onClose=${onClose} close="Let it go on"
      actions=${html`
        <button type="button" class="main" disabled=${busy}
          onClick=${cancel}>Cancel the job</button>`}>
      <p>${labelOfJob(job)}, ${scopeOf(job)}${countsOf(job)
        && `: ${countsOf(job)}`}. ${executorOf(job) === 'dovecot'
        ? 'Each server ends with the user it is at. What was done stays done.'
        : 'Each server stops as soon as it can.'} One that does not answer is
        not waited for.</p>
      ${problem && html`<${ProblemNotice} problem=${problem} />`}
    <//>`;
}
