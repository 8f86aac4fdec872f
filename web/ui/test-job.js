/*
 * A card that tries what is saved: a job whose steps are shown.  version is
 * that of the settings; with address, the job is told one; unsaved: something
 * is typed that is not in force.
 */

import { html, useState } from '../vendor/preact.js';
import { useStart } from '../jobs.js';
import { Field } from './field.js';
import { JobCard } from './job.js';
import { ProblemNotice } from './notice.js';

export function TestJob({
  action, title, doc, label, version, address = false, unsaved = false,
}) {
  const [shown, setShown] = useState(null);
  const [typed, setTyped] = useState('');
  const [error, setError] = useState(null);
  const starting = useStart((job, first) => setShown({ job, first }));
  const { problem } = starting;
  const fault = error || (problem && problem.field('target'));

  const submit = (event) => {
    event.preventDefault();
    if (address && !typed.includes('@')) {
      setError('Enter a mail address.');
    } else {
      starting.start({ action, target: address ? typed.trim() : undefined },
        { of: version });
    }
  };
  const type = (event) => {
    setTyped(event.target.value);
    setError(null);
    starting.clear();
  };

  return html`
    <section class="card action" aria-labelledby=${action}>
      <div>
        <h2 id=${action}>${title}</h2>
        <p class="muted">${doc}</p>
      </div>
      ${unsaved && html`
        <p>What is typed above is not saved: the test is of what is in
          force.</p>`}
      <form class=${address ? 'start' : null} onSubmit=${submit} novalidate>
        ${address && html`
          <${Address} value=${typed} error=${fault} onInput=${type} />`}
        <button type="submit" aria-disabled=${starting.busy}>
          ${starting.busy ? 'Starting…' : label}</button>
      </form>
      ${problem && !(address && fault) && html`
        <${ProblemNotice} problem=${problem} />`}
      ${shown && html`
        <${JobCard} key=${shown.job.id} id=${shown.job.id} first=${shown.job}
          already=${shown.first === false}
          onClose=${() => setShown(null)} />`}
    </section>`;
}

function Address({ value, error, onInput }) {
  return html`
    <${Field} label="To" error=${error}>
      ${(id, attributes) => html`
        <input id=${id} type="text" inputmode="email" value=${value}
          autocomplete="email" autocapitalize="none" spellcheck="false"
          placeholder="you@example.com" onInput=${onInput}
          ...${attributes} />`}
    <//>`;
}
