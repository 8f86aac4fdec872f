/* One action: its form, and the jobs that it has led to. */

import { html, useEffect, useRef, useState } from '../vendor/preact.js';
import { useResource } from '../hooks.js';
import { useStart } from '../jobs.js';
import { ACTIONS, daysOf } from '../job-words.js';
import { href } from '../router.js';
import { Field } from '../ui/field.js';
import { JobCard } from '../ui/job.js';
import { Notice, ProblemNotice } from '../ui/notice.js';

const RATE_MAX = 10000;

export function ActionCard({
  action, target = '', jobs, onStarted, onEnd, onHide,
}) {
  const clears = action === 'clear-folders';
  const days = useDays(clears);
  const form = useForm(target);
  const starting = useStart((job, first) => onStarted(job, first));
  const heading = useRef(null);

  useEffect(() => {
    if (target) {
      heading.current.scrollIntoView();
      heading.current.focus({ preventScroll: true });
    }
  }, [target]);

  const submit = (event) => {
    event.preventDefault();
    if (form.check() && !days.never) {
      starting.start({ action, ...form.value() }, { dryRun: clears });
    }
  };
  const hide = (id) => {
    heading.current.focus({ preventScroll: true });
    onHide(id);
  };
  const fault = (name) => form.errors[name]
    || (starting.problem && starting.problem.field(name));

  return html`
    <section class="card action" aria-labelledby=${action}>
      <div>
        <h2 id=${action} ref=${heading} tabindex="-1">
          ${ACTIONS[action].label}</h2>
        <p class="muted">${ACTIONS[action].doc}</p>
      </div>
      ${clears && html`<${Days} days=${days} />`}
      <form class="start" onSubmit=${submit} novalidate>
        <${Inputs} form=${form} fault=${fault} clear=${starting.clear} />
        <button type="submit" class="main"
          aria-disabled=${starting.busy || days.never}>
          ${starting.busy ? 'Starting…' : words(clears)}</button>
      </form>
      <${Refused} starting=${starting} />
      ${jobs.map(({ job, first }) => html`
        <${JobCard} key=${job.id} id=${job.id} first=${job}
          already=${first === false} onStarted=${onStarted} onEnd=${onEnd}
          onClose=${() => hide(job.id)} />`)}
    </section>`;
}

const words = (clears) => (clears ? 'See what would go' : 'Start');

/* The days in force: { text, never, problem }. */
function useDays(wanted) {
  const { data, problem } = useResource(wanted ? '/settings' : null);
  const text = data ? daysOf(data.clearing) : '';

  return { text, never: Boolean(data) && text === '', problem };
}

function Days({ days: { text, never } }) {
  const link = html`
    <a href=${href('settings/clearing')}>Change the days</a>`;

  if (never) {
    return html`
      <${Notice} title="Messages stay for ever: no days are set.">
        <p>${link} first.</p>
      <//>`;
  }
  return text && html`
    <p>In force: ${text}. ${link}</p>`;
}

/* What is typed, and what is wrong with it. */
function useForm(target) {
  const [draft, setDraft] = useState(() => draftOf(target));
  const [errors, setErrors] = useState({});
  const last = useRef(target);

  useEffect(() => {
    if (last.current !== target) {
      last.current = target;
      setDraft(draftOf(target));
      setErrors({});
    }
  }, [target]);

  return {
    draft,
    errors,
    put(changes) {
      setDraft({ ...draft, ...changes });
      setErrors({});
    },
    check() {
      const found = faultsOf(draft);

      setErrors(found);
      return Object.keys(found).length === 0;
    },
    value() {
      const { scope, rate } = draft;

      return {
        target: scope === 'all' ? undefined : draft.target.trim(),
        rate: rate.trim() === '' ? undefined : Number(rate.trim()),
      };
    },
  };
}

const draftOf = (target) => ({
  scope: SCOPES.find(({ has }) => has(target || '')).id,
  target: target || '',
  rate: '',
});

const SCOPES = [
  { id: 'all', label: 'All mailboxes', has: (target) => target === '' },
  {
    id: 'mailbox',
    label: 'One mailbox',
    has: (target) => target.includes('@'),
    example: 'alice@example.com',
    wrong: 'Enter the whole address of the mailbox.',
  },
  {
    id: 'domain',
    label: 'One domain',
    has: (target) => target !== '' && !target.includes('@'),
    example: 'example.com',
    wrong: 'Enter a domain, without an @.',
  },
];

function faultsOf({ scope, target, rate }) {
  const { has, wrong } = SCOPES.find(({ id }) => id === scope);
  const faults = {};

  if (scope !== 'all' && !has(target.trim())) {
    faults.target = wrong;
  }
  if (rate.trim() !== '' && (!/^\d+$/.test(rate.trim()) || Number(rate) < 1
      || Number(rate) > RATE_MAX)) {
    faults.rate = `Enter a whole number from 1 to ${RATE_MAX}.`;
  }
  return faults;
}

function Inputs({ form: { draft, put }, fault, clear }) {
  const type = (name) => (event) => {
    put({ [name]: event.target.value });
    clear();
  };
  const scope = SCOPES.find(({ id }) => id === draft.scope);

  return html`
    <${Field} label="For" error=${!scope.example && fault('target')}>
      ${(id, attributes) => html`
        <select id=${id} value=${draft.scope} onChange=${type('scope')}
          ...${attributes}>
          ${SCOPES.map(({ id: value, label }) => html`
            <option key=${value} value=${value}>${label}</option>`)}
        </select>`}
    <//>
    ${scope.example && html`
      <${Field} label=${scope.id === 'domain' ? 'Domain' : 'Mailbox'}
        error=${fault('target')}>
        ${(id, attributes) => html`
          <input id=${id} type="text" value=${draft.target}
            inputmode=${scope.id === 'domain' ? 'url' : 'email'}
            autocomplete="off" autocapitalize="none" spellcheck="false"
            placeholder=${scope.example} onInput=${type('target')}
            ...${attributes} />`}
      <//>`}
    <${Field} label="Users per second" hint="at most" error=${fault('rate')}>
      ${(id, attributes) => html`
        <input id=${id} type="text" inputmode="numeric" value=${draft.rate}
          autocomplete="off" placeholder="no limit" onInput=${type('rate')}
          ...${attributes} />`}
    <//>`;
}

/* What no field can show. */
function Refused({ starting: { problem, lost } }) {
  if (!problem || problem.field('target') || problem.field('rate')) {
    return null;
  }
  return html`
    <${ProblemNotice} problem=${problem} />
    ${lost && html`
      <p>Whether the job was taken is not known. Press the button again: that
        makes no second one.</p>`}`;
}
