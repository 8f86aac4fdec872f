/* How long messages stay in Junk and Trash, and what the sweeps did. */

import { html, useState } from '../vendor/preact.js';
import { useResource } from '../hooks.js';
import { useStart } from '../jobs.js';
import { daysOf, isSweep } from '../job-words.js';
import { SettingsForm } from '../ui/form.js';
import { InForce } from '../ui/force.js';
import { JobCard } from '../ui/job.js';
import { Loaded, ProblemNotice } from '../ui/notice.js';
import { useSettings } from '../ui/settings.js';

const ACTION = 'clear-folders';
const EVERY_MSECS = 5000;

export function Clearing() {
  const settings = useSettings('clearing');

  return html`
    <p class="after-tabs">The days count from the day a message was put there,
      not from the day it was sent. Without a number it stays for ever.</p>
    <${SettingsForm} settings=${settings} confirm=${confirmOf}>
      ${() => html`
        <p>When you save, a sweep begins at once, at a low rate; after that
          there is one each day.</p>`}
    <//>
    ${settings.form && html`<${Preview} form=${settings.form} />`}
    <section class="card" aria-labelledby="sweep">
      <h2 id="sweep">Last sweep</h2>
      <${LastSweep} />
    </section>
    ${settings.version !== null && html`
      <section class="card" aria-labelledby="state">
        <h2 id="state">At the servers</h2>
        <${InForce} settings=${settings.version} component="dovecot"
          key=${settings.version} />
      </section>`}`;
}

/* What is removed cannot be brought back, so fewer days are asked about. */
function confirmOf({ changes, fields }) {
  const shorter = Object.keys(changes).filter((id) => changes[id] !== null
    && (fields[id].stored === null || changes[id] < fields[id].stored));

  return shorter.length > 0 && {
    title: 'Remove messages from now on?',
    text: `Messages go ${daysOf(valuesOf(fields))}. What has been there for `
      + 'longer goes at once, for good.',
    label: 'Save and clear',
  };
}

const valuesOf = (fields) => Object.fromEntries(
  Object.values(fields).map(({ setting, value }) => [setting.id, value]),
);

/* What the days that are typed would remove. */
function Preview({ form }) {
  const [shown, setShown] = useState(null);
  const { start, busy, problem } = useStart(
    (job, first) => setShown({ job, first }),
  );
  const days = valuesOf(form.fields);
  const none = !form.valid || daysOf(days) === '';

  const look = () => !none && start({
    action: ACTION,
    junk_days: days.junk_days || undefined,
    trash_days: days.trash_days || undefined,
  }, { dryRun: true });

  return html`
    <section class="card" aria-labelledby="preview">
      <h2 id="preview">What would go</h2>
      <p class="muted">${none
        ? 'Enter days above to see what they would remove.'
        : `Counts what goes ${daysOf(days)}, and removes nothing.`}</p>
      <p><button type="button" aria-disabled=${busy || none} onClick=${look}>
        ${busy ? 'Starting…' : 'See what would go'}</button></p>
      ${problem && html`<${ProblemNotice} problem=${problem} />`}
      ${shown && html`
        <${JobCard} key=${shown.job.id} id=${shown.job.id} first=${shown.job}
          already=${!shown.first} onClose=${() => setShown(null)} />`}
    </section>`;
}

function LastSweep() {
  const resource = useResource(`/jobs?action=${ACTION}&limit=50`, {
    every: EVERY_MSECS,
  });

  return html`
    <${Loaded} resource=${resource} lines=${2}>
      ${({ jobs }) => {
        const sweep = jobs.find(isSweep);

        return sweep
          ? html`<${JobCard} key=${sweep.id} id=${sweep.id} first=${sweep}
              rows=${0} />`
          : html`<p class="muted">There was none yet.</p>`;
      }}
    <//>`;
}
