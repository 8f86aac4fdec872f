/*
 * The input of a password.  One that we choose (it has a least length) can be
 * generated; what is typed can be seen.
 */

import { html, useState } from '../vendor/preact.js';
import { Switch } from './inputs.js';

export function SecretInput({
  id, setting, draft, stored, onDraft, attributes,
}) {
  const [seen, setSeen] = useState(false);
  const put = (text) => onDraft({ clear: false, text });

  const generate = () => {
    put(newPassword());
    setSeen(true);
  };

  return html`
    <div class="secret">
      <input id=${id} type=${seen ? 'text' : 'password'} value=${draft.text}
        autocomplete="new-password" spellcheck="false" autocapitalize="none"
        disabled=${draft.clear}
        placeholder=${stored ? 'set; type to replace it' : 'not set'}
        onInput=${(event) => put(event.target.value)} ...${attributes} />
      <button type="button" class="quiet" aria-pressed=${seen}
        disabled=${draft.clear} onClick=${() => setSeen(!seen)}>Show
        <span class="hidden"> ${setting.label}</span></button>
      ${setting.min > 1 && html`
        <button type="button" class="quiet" disabled=${draft.clear}
          onClick=${generate}>Generate</button>`}
      ${stored && html`
        <${Switch} label="Clear" name="Clear the stored password"
          checked=${draft.clear}
          onChange=${(event) => onDraft({
            clear: event.target.checked, text: '',
          })} />`}
    </div>`;
}

/* 100 random bits, of signs that nobody mistakes for one another. */
const SIGNS = 'abcdefghijkmnpqrstuvwxyz23456789';
const GROUPS = 4;
const SIGNS_EACH = 5;

function newPassword() {
  const bytes = crypto.getRandomValues(new Uint8Array(GROUPS * SIGNS_EACH));
  const signs = [...bytes].map((byte) => SIGNS[byte % SIGNS.length]).join('');

  return signs.match(new RegExp(`.{${SIGNS_EACH}}`, 'g')).join('-');
}
