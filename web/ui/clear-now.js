/*
 * After a dry run: the same for good, with the days that it was done with.
 * Without onStarted there is no such offer.
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

  if (!onStarted || !job.dry_run || !job.ended_at || !messages) {
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
  const { messages, bytes, folders } = job.result;
  const clear = () => start({
    action: job.action,
    target: job.target || undefined,
    rate: job.rate || undefined,
    junk_days: job.junk_days || undefined,
    trash_days: job.trash_days || undefined,
  });

  return html`
    <${Dialog} title=${`Remove ${plural(messages, 'message')} for good?`}
      onClose=${onClose} close="Keep them" careful actions=${html`
        <button type="button" class="main" disabled=${busy} onClick=${clear}>
          ${busy ? 'Starting…' : `Remove ${plural(messages, 'message')}`}
        </button>`}>
      <p>${scopeOf(job)}: ${showBytes(bytes)} in ${plural(folders, 'folder')},
        ${' '}${daysOf(job)}. It was counted ${showAgo(job.ended_at)}; what has
        become old enough since then goes too.</p>
      ${job.state === 'cancelled' && html`
        <p>The count is not complete, as it was cancelled: more may go.</p>`}
      <p>It cannot be undone.</p>
      ${problem && html`<${ProblemNotice} problem=${problem} />`}
    <//>`;
}
