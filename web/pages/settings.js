/* The groups of the settings that have no page of their own. */

import { html } from '../vendor/preact.js';
import { href } from '../router.js';
import { PageHead } from '../ui/page.js';
import { Clearing } from './clearing.js';
import { Mailer } from './mailer.js';
import { Master } from './master.js';
import { Relayhost } from './relayhost.js';

const GROUPS = {
  __proto__: null,
  clearing: { label: 'Junk and Trash', View: Clearing },
  'imap-master': { label: 'IMAP master password', View: Master },
  relayhost: { label: 'Relayhost', View: Relayhost },
  'system-mailer': { label: 'System mailer', View: Mailer },
};

export default function Settings({ params: { group } }) {
  const { View } = GROUPS[group] || {};

  if (!View) {
    return html`<${PageHead} title="There are no such settings" />`;
  }
  return html`
    <${PageHead} title="Settings" />
    <nav class="tabs" aria-label="Settings">
      ${Object.entries(GROUPS).map(([id, { label }]) => html`
        <a key=${id} href=${href(`settings/${id}`)}
          aria-current=${id === group ? 'page' : null}>${label}</a>`)}
    </nav>
    <${View} key=${group} />`;
}
