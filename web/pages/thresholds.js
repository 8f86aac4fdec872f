/* The spam thresholds, as a scale and as a form. */

import { html } from '../vendor/preact.js';
import { PageHead } from '../ui/page.js';
import { Scale } from '../ui/scale.js';
import { SettingsForm } from '../ui/form.js';
import { useSettings } from '../ui/settings.js';

export default function Thresholds() {
  const settings = useSettings('antispam');
  const { form } = settings;

  return html`
    <${PageHead} title="Spam thresholds">
      What happens to a message by its spam score. Whitelisted domains are not
      scored, blacklisted ones are refused whatever the score.
    <//>
    <${SettingsForm} settings=${settings} order=${form && form.chain}>
      ${() => html`
        <${Scale} values=${valuesOf(form)} broken=${form.broken} />
        <${Rule} form=${form} />`}
    <//>`;
}

const valuesOf = (form) => Object.fromEntries(
  form.chain.map((id) => [id, form.fields[id].value]),
);

/* The order rule in words, and whether it is kept. */
function Rule({ form }) {
  const names = form.chain.map((id) => form.fields[id].setting.label);

  return html`
    <p class="rule" data-kind=${form.broken ? 'bad' : 'good'} role="status">
      <span class="sign" aria-hidden="true">
        ${form.broken ? '✕' : '✓'}</span>
      ${form.broken
        ? html`<span>“${form.broken.lower.setting.label}” must be below
            ${' '}“${form.broken.upper.setting.label}”.</span>`
        : html`<span>${names.join(' < ')}. Levels that are off do not count.
          </span>`}
    </p>`;
}
