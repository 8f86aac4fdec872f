/* The form of one group of the settings, with what saving it led to. */

import { html, useState } from '../vendor/preact.js';
import { labelOf } from '../schema.js';
import { plural, showValue } from '../text.js';
import { Dialog } from './dialog.js';
import { SettingField } from './field.js';
import { InForce } from './force.js';
import { Loaded, Notice, ProblemNotice } from './notice.js';
import { Time } from './page.js';

/*
 * order: ids of the fields; children(form) is shown above them; confirm(form)
 * says what is asked before it is saved: { title, text, label }, or nothing.
 */
export function SettingsForm(props) {
  const { form, loading } = props.settings;

  /* in one element, so that what follows it on the page stays behind it */
  return html`
    <div>${form ? html`<${Form} ...${props} />`
      : html`<${Loaded} resource=${{ ...loading, data: null }}
          lines=${6} />`}</div>`;
}

function Form({ settings, order, children, confirm }) {
  const [asked, setAsked] = useState(null);
  const { form, group, problem, conflict, saved } = settings;

  const submit = (event) => {
    event.preventDefault();
    if (form.valid && form.changed && !settings.busy) {
      const question = confirm && confirm(form);

      setAsked(question || null);
      if (!question) {
        settings.save();
      }
    } else {
      focusFirstError(event.target);
    }
  };
  const ids = order || group.settings.map((setting) => setting.id);

  return html`
    <form class="card" onSubmit=${submit} novalidate>
      ${children && children(form)}
      <div class="fields">
        ${ids.map((id) => html`
          <${SettingField} key=${id} ...${form.fields[id]}
            error=${form.fields[id].error
              || (problem && fieldProblem(problem, group, id))}
            onDraft=${(draft) => settings.put(id, draft)} />`)}
      </div>
      <div class="save">
        <button type="submit" class="main"
          aria-disabled=${settings.busy || !form.changed}>
          ${settings.busy ? 'Saving…' : 'Save'}
        </button>
        <button type="button" class="quiet" disabled=${!form.changed}
          onClick=${settings.discard}>Discard changes</button>
        <span class="muted">Version ${settings.version}</span>
      </div>
      <div class="outcome">
        ${problem && html`<${ProblemNotice} problem=${problem} />`}
        ${conflict && html`<${Conflict} settings=${settings} />`}
        ${saved && html`<${Saved} version=${saved.version} />`}
      </div>
    </form>
    ${asked && html`
      <${Sure} question=${asked} onClose=${() => setAsked(null)}
        onSave=${settings.save} />`}`;
}

function Sure({ question: { title, text, label }, onClose, onSave }) {
  const save = () => {
    onClose();
    onSave();
  };

  return html`
    <${Dialog} title=${title} onClose=${onClose} careful actions=${html`
      <button type="button" class="main" onClick=${save}>${label}</button>`}>
      <p>${text}</p>
    <//>`;
}

const fieldProblem = (problem, group, id) => problem.field(`${group.id}.${id}`)
  || problem.field(id);

function focusFirstError(form) {
  const bad = form.querySelector('[aria-invalid="true"]');

  if (bad) {
    bad.focus();
  }
}

function Saved({ version }) {
  return html`
    <${Notice} kind="good" title=${`Saved as version ${version}.`}>
      <${InForce} settings=${version} key=${version} />
    <//>`;
}

const CONFLICT = 'Somebody else saved while you were editing. Nothing of '
  + 'yours is saved yet.';

function Conflict({ settings }) {
  const { conflict: { versions }, groups } = settings;

  return html`
    <${Notice} kind="warn" live
      title=${CONFLICT}>
      <ul class="plain">
        ${versions.map((version) => html`
          <li key=${version.version}>
            <strong>${version.actor}</strong>,${' '}
            <${Time} at=${version.at} />:${' '}
            <${Changes} changes=${version.changes} groups=${groups} />
            <span class="muted"> (version ${version.version})</span>
          </li>`)}
      </ul>
      <p class="actions">
        <button type="button" onClick=${() => settings.resolve(false)}>
          Reload, drop my changes
        </button>
        <button type="button" onClick=${() => settings.resolve(true)}>
          Reload, keep my changes to look at
        </button>
      </p>
    <//>`;
}

/* "Reject from: 10 → 9" */
export function Changes({ changes, groups }) {
  if (changes.length === 0) {
    return html`<span class="muted">–</span>`;
  }
  return html`
    <span class="changes" title=${plural(changes.length, 'change')}>
      ${changes.map(({ field, from, to }) => html`
        <span class="change" key=${field}>
          ${labelOf(groups, field)}:${' '}
          <del><span class="hidden">from </span>${showScoreOr(from)}</del>
          <span aria-hidden="true"> → </span>
          <ins><span class="hidden"> to </span>${showScoreOr(to)}</ins>
        </span>`)}
    </span>`;
}

const showScoreOr = (value) => (value === 999 ? 'off' : showValue(value));
