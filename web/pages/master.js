/* The password that opens every mailbox: whether, until when, who used it. */

import { html } from '../vendor/preact.js';
import { useResource } from '../hooks.js';
import { href } from '../router.js';
import { about, showTime } from '../text.js';
import { SettingsForm } from '../ui/form.js';
import { InForce } from '../ui/force.js';
import { Badge, Loaded, Notice } from '../ui/notice.js';
import { useSettings } from '../ui/settings.js';
import { Table } from '../ui/table.js';
import { MASTER_LOGINS } from './audit-words.js';

const EVERY_MSECS = 5000;
const USES = 10;

export function Master() {
  const settings = useSettings('imap_master');
  const { form } = settings;

  return html`
    <p class="after-tabs">Opens every mailbox, by IMAP and POP3, for support
      and migration. Keep it off unless somebody needs it.</p>
    <${SettingsForm} settings=${settings}>
      ${() => html`<${Over} form=${form} />`}
    <//>
    ${form && html`
      <section class="card" aria-labelledby="state">
        <h2 id="state">At the servers</h2>
        <${State} fields=${form.fields} />
        <${InForce} settings=${settings.version} component="dovecot"
          key=${settings.version} />
      </section>
      <section class="card" aria-labelledby="how">
        <h2 id="how">How to log in</h2>
        <${How} name=${form.fields.username.stored} />
      </section>`}
    <section class="card" aria-labelledby="uses">
      <h2 id="uses">Last uses</h2>
      <${Uses} />
    </section>`;
}

/* Of what is typed: a moment that is over is allowed, but of no use. */
function Over({ form: { fields: { enabled, expires } } }) {
  return enabled.value && isOver(expires.value) && html`
    <${Notice} kind="warn" title="The moment of its end is over.">
      <p>Saved so, the password opens nothing.</p>
    <//>`;
}

const isOver = (at) => Boolean(at) && new Date(at) <= new Date();

/* What is in force. */
function State({ fields: { enabled, expires } }) {
  if (!enabled.stored) {
    return html`<p><${Badge}>off<//> It opens nothing.</p>`;
  }
  if (isOver(expires.stored)) {
    return html`
      <p><${Badge} kind="warn">expired<//> It opened mailboxes until
        ${' '}${showTime(expires.stored)}.</p>`;
  }
  return html`
    <p><${Badge} kind="good">on<//>${' '}
      ${expires.stored
        ? html`It opens every mailbox until ${showTime(expires.stored)}, for
            ${' '}${leftUntil(expires.stored)} more.`
        : 'It opens every mailbox, without an end.'}</p>`;
}

const leftUntil = (at) => about(Math.max(
  1, Math.round((new Date(at) - Date.now()) / 1000),
));

function How({ name }) {
  return html`
    <p>As the user name, give the mailbox, a star and the name:
      ${' '}<code>alice@example.com*${name}</code>. As the password, give the
      master password.</p>
    <p class="muted">Each login is counted and stands in the
      ${' '}<a href=${href('audit', { what: 'master' })}>audit log</a>, with
      the mailbox and the address it came from.</p>`;
}

function Uses() {
  const resource = useResource(
    `/audit?what=${MASTER_LOGINS.join(',')}&limit=${USES}`,
    { every: EVERY_MSECS },
  );

  return html`
    <${Loaded} resource=${resource} lines=${3}>
      ${({ entries, cursor }) => html`
        <${Table} caption="Last uses" rows=${entries} columns=${COLUMNS}
          keyOf=${(row) => row.id}
          empty=${cursor ? 'It has not been used for long.'
            : 'It has not been used.'} />`}
    <//>`;
}

const COLUMNS = [
  { id: 'target', label: 'Mailbox', kind: 'user', cell: (row) => row.target },
  {
    id: 'what',
    label: 'By',
    cell: (row) => (row.what.startsWith('pop3') ? 'POP3' : 'IMAP'),
  },
  { id: 'actor', label: 'As', kind: 'text', cell: (row) => row.actor },
  { id: 'from', label: 'From', kind: 'text', cell: (row) => row.from },
  {
    id: 'at',
    label: 'When',
    cell: (row) => html`<time datetime=${row.at}>${showTime(row.at)}</time>`,
  },
];
