/*
 * After a dry run: the same for good, as it was done with.  Without onStarted
 * there is no such offer.
 */

import { html, useState } from '../vendor/preact.js';
import { useStart } from '../jobs.js';
import { daysOf, scopeOf } from '../job-words.js';
import { plural, showAgo, showBytes } from '../text.js';
import { Dialog } from './dialog.js';
import { ProblemNotice } from './notice.js';

export function ClearNow({ job, onStarted }) {
  const [asking, setAsking] = useState(false);
  const { messages } = job.result || {};

  if (!onStarted || !job.dry_run || !job.ended_at || !messages
      || !WORDS[job.action]) {
    return null;
  }
  return html`
    <p class="actions">
      <button type="button" class="main" onClick=${() => setAsking(true)}>
        Clear now…</button>
    </p>
    ${asking && html`
      <${Sure} job=${job} onStarted=${onStarted}
        onClose=${() => setAsking(false)} />`}`;
}

function Sure({ job, onStarted, onClose }) {
  const { start, busy, problem } = useStart((started, first) => {
    onClose();
    onStarted(started, first);
  });
  const clear = () => start({
    action: job.action,
    target: job.target || undefined,
    rate: job.rate || undefined,
    junk_days: job.junk_days || undefined,
    trash_days: job.trash_days || undefined,
  });

  const { title, close, label, text } = WORDS[job.action](job);

  return html`
    <${Dialog} title=${title} onClose=${onClose} close=${close} careful
      actions=${html`
        <button type="button" class="main" disabled=${busy} onClick=${clear}>
          ${busy ? 'Starting…' : label}
        </button>`}>
      ${text}
      ${problem && html`<${ProblemNotice} problem=${problem} />`}
    <//>`;
}

const WORDS = {
  __proto__: null,
  'clear-folders': (job) => ({
    title: `Remove ${plural(job.result.messages, 'message')} for good?`,
    close: 'Keep them',
    label: `Remove ${plural(job.result.messages, 'message')}`,
    text: html`
      <p>${scopeOf(job)}: ${showBytes(job.result.bytes)} in
        ${' '}${plural(job.result.folders, 'folder')}, ${daysOf(job)}. It was
        counted ${showAgo(job.ended_at)}; what has become old enough since then
        goes too.</p>
      ${job.state === 'cancelled' && html`
        <p>The count is not complete, as it was cancelled: more may go.</p>`}
      <p>It cannot be undone.</p>`,
  }),
  'verify-cache-clear': (job) => ({
    title: `Forget ${addresses(job)}?`,
    close: 'Keep them',
    label: 'Clear the cache',
    text: html`
      <p>They were counted ${showAgo(job.ended_at)}. Postfix is reloaded, and
        asks again about each address. Mail goes on.</p>
      <p>It cannot be undone.</p>`,
  }),
};

const addresses = ({ result: { messages } }) => plural(
  messages, 'address', 'addresses',
);
