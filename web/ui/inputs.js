/*
 * The inputs of the settings' types.  Each gets id, setting, type, draft,
 * stored (the value in force), onDraft and the attributes of its field
 * (aria-describedby, aria-invalid).
 */

import { html } from '../vendor/preact.js';

export function TextInput({ id, type, draft, onDraft, attributes }) {
  return html`
    <input id=${id} type="text" value=${draft} autocomplete="off"
      spellcheck="false" inputmode=${type.inputMode || null}
      placeholder=${type.placeholder || null}
      onInput=${(event) => onDraft(event.target.value)} ...${attributes} />`;
}

export function ScoreInput({ id, setting, draft, onDraft, attributes }) {
  const turn = (event) => onDraft({
    on: event.target.checked,
    text: draft.text || String(setting.default),
  });

  return html`
    <div class="score">
      <input id=${id} type="text" inputmode="decimal" autocomplete="off"
        value=${draft.on ? draft.text : 'off'} disabled=${!draft.on}
        onInput=${(event) => onDraft({ on: true, text: event.target.value })}
        ...${attributes} />
      <${Switch} label="On" name=${`${setting.label}: on`}
        checked=${draft.on} onChange=${turn} />
    </div>`;
}

export function SwitchInput({ id, setting, draft, onDraft, attributes }) {
  return html`
    <${Switch} id=${id} label=${draft ? 'On' : 'Off'} name=${setting.label}
      checked=${draft} attributes=${attributes}
      onChange=${(event) => onDraft(event.target.checked)} />`;
}

export function Switch({ id, label, name, checked, onChange, attributes }) {
  return html`
    <label class="switch">
      <input id=${id} type="checkbox" role="switch" aria-label=${name}
        checked=${checked} onChange=${onChange} ...${attributes} />
      <span class="track" aria-hidden="true"></span>
      <span aria-hidden="true">${label}</span>
    </label>`;
}

export function ChoiceInput({ id, setting, draft, onDraft, attributes }) {
  return html`
    <select id=${id} value=${draft}
      onChange=${(event) => onDraft(event.target.value)} ...${attributes}>
      ${setting.choices.map((choice) => html`
        <option key=${choice} value=${choice}>${choice}</option>`)}
    </select>`;
}

export function NetsInput({ id, draft, onDraft, attributes }) {
  return html`
    <textarea id=${id} rows="3" spellcheck="false" value=${draft}
      onInput=${(event) => onDraft(event.target.value)}
      ...${attributes}></textarea>`;
}

/* bad: some of it is typed, but not all. */
export function TimeInput({ id, draft, onDraft, attributes }) {
  const type = ({ target }) => onDraft({
    text: target.value, bad: target.validity.badInput,
  });

  return html`
    <input id=${id} type="datetime-local" value=${draft.text}
      onInput=${type} onBlur=${type} ...${attributes} />`;
}
