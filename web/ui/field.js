/*
 * A label, its control and a note, tied together: what is wrong, or else the
 * help, in one place, so that nothing moves while one types.
 */

import { html } from '../vendor/preact.js';
import { useId } from '../hooks.js';
import { showValue } from '../text.js';

/* children(id, attributes) draws the control. */
export function Field({ label, help, error, children, hint }) {
  const id = useId();
  const attributes = {
    'aria-describedby': error || help ? `${id}-note` : null,
    'aria-invalid': error ? 'true' : null,
  };

  return html`
    <div class="field" data-bad=${error ? '' : null}>
      <label for=${id}>${label}
        ${hint && html` <span class="hint">${hint}</span>`}</label>
      ${children(id, attributes)}
      ${(error || help) && html`
        <p class=${error ? 'error' : 'help'} id=${`${id}-note`}>
          ${error || help}</p>`}
    </div>`;
}

export function SettingField({ setting, type, draft, stored, error, onDraft }) {
  const usual = showValue(setting.default);
  const hint = usual === 'none' || setting.type === 'secret'
    ? type.hint && type.hint() : `default ${usual}`;

  return html`
    <${Field} label=${setting.label} help=${setting.doc} error=${error}
      hint=${hint}>
      ${(id, attributes) => html`
        <${type.input} id=${id} setting=${setting} type=${type} draft=${draft}
          stored=${stored} attributes=${attributes} onDraft=${onDraft} />`}
    <//>`;
}
