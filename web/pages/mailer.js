/* How the portal sends its own mail, and whether that works. */

import { html } from '../vendor/preact.js';
import { SettingsForm } from '../ui/form.js';
import { InForce } from '../ui/force.js';
import { useSettings } from '../ui/settings.js';
import { TestJob } from '../ui/test-job.js';

export function Mailer() {
  const settings = useSettings('system_mailer');
  const { form } = settings;

  return html`
    <p class="after-tabs">The server through which the portal sends its own
      mail, such as links to set a new password.</p>
    <${SettingsForm} settings=${settings} />
    ${form && html`
      <section class="card" aria-labelledby="state">
        <h2 id="state">At the servers</h2>
        <${InForce} settings=${settings.version} component="agent"
          key=${settings.version} />
      </section>
      <${TestJob} action="mailer-test" title="Send a test mail" doc=${TEST}
        label="Send a test" version=${settings.version} address
        unsaved=${form.changed} />`}`;
}

const TEST = 'Sends a short message to an address, and tells each step. When '
  + 'the server is away, it is tried again for 20 minutes, and at once with '
  + 'other settings.';
