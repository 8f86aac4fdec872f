/* Where outgoing mail goes, and whether that works. */

import { html } from '../vendor/preact.js';
import { SettingsForm } from '../ui/form.js';
import { InForce } from '../ui/force.js';
import { Badge } from '../ui/notice.js';
import { useSettings } from '../ui/settings.js';
import { TestJob } from '../ui/test-job.js';

export function Relayhost() {
  const settings = useSettings('relayhost');
  const { form } = settings;

  return html`
    <p class="after-tabs">The server that takes all outgoing mail. Postfix uses
      it within about 10 seconds, without a restart.</p>
    <${SettingsForm} settings=${settings} />
    ${form && html`
      <section class="card" aria-labelledby="state">
        <h2 id="state">At the servers</h2>
        <${State} host=${form.fields.host.stored}
          port=${form.fields.port.stored} />
        <${InForce} settings=${settings.version} component="agent"
          key=${settings.version} />
      </section>
      ${form.fields.host.stored && html`
        <${TestJob} action="relayhost-test" title="Test the relayhost"
          doc=${TEST} label="Test" version=${settings.version}
          unsaved=${form.changed} />`}`}`;
}

const TEST = 'Connects and signs in, step by step. No mail is sent.';

function State({ host, port }) {
  return host
    ? html`<p><${Badge} kind="good">on<//>${' '}
        Outgoing mail goes to <code>${host}</code>, port ${port}.</p>`
    : html`<p><${Badge}>off<//> Outgoing mail goes directly to its
        recipients’ servers.</p>`;
}
