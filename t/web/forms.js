/*
 * The form of every group of the settings, as the schema draws it, put into
 * the portal's page here: some have none of their own so far.
 */

'use strict';

const { is, ok, run, session, shows, until } = require('./browser.js');

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/nodes', {
    timezoneId: 'America/New_York',
  });
  const { groups } = (await api('GET', '/schema')).data;

  for (const group of groups) {
    await mount(page, group.id);
    await shows(page.locator('#trial .fields'), `${group.id} has a form`);

    const labels = await page.locator('#trial .field > label[for]')
      .allInnerTexts();

    const names = labels
      .map((text) => text.replace(/\s+(default|in your) .*/s, ''));

    is(names.sort().join(),
      group.settings.map(({ label }) => label).sort().join(),
      `with a field for each of its settings (${group.id})`);
    is(await page.locator('#trial [aria-invalid]').count(), 0,
      `what is in force is valid (${group.id})`);
  }

  await texts(page, api);
  await secrets(page, api);
  await days(page, api);
  await master(page, api);
});

async function mount(page, group) {
  await page.evaluate(async (id) => {
    const { html, render } = await import('/vendor/preact.js');
    const { SettingsForm } = await import('/ui/form.js');
    const { useSettings } = await import('/ui/settings.js');
    const View = () => html`
      <${SettingsForm} settings=${useSettings(id)} />`;
    const old = document.getElementById('trial');
    const box = document.createElement('div');

    if (old) {
      render(null, old);
      old.remove();
    }
    box.id = 'trial';
    document.getElementById('main').append(box);
    render(html`<${View} />`, box);
  }, group);
  await page.locator('#trial .fields').waitFor();
}

const field = (page, label) => page.locator('#trial')
  .getByLabel(label, { exact: false }).first();

async function save(page) {
  await page.locator('#trial').getByRole('button', { name: 'Save' }).click();
  return page.locator('#trial').getByText(/^Saved as version/).waitFor();
}

async function texts(page, api) {
  await mount(page, 'relayhost');
  await field(page, 'Server').fill('[relay.example]');
  await field(page, 'Port').fill('x');
  await shows(page.locator('#trial').getByText('Enter a whole number.'),
    'a port that is no number is told');
  await field(page, 'Port').fill('465');
  await field(page, 'TLS').selectOption('verify');
  await field(page, 'User name').fill('portal');
  await save(page);

  const { relayhost } = (await api('GET', '/settings')).data;

  is(relayhost.host, '[relay.example]', 'a host is saved');
  is(relayhost.port, 465, 'a port is a number');
  is(relayhost.tls, 'verify', 'a choice is saved');

  await field(page, 'Server').fill('no host at all');
  await page.locator('#trial').getByRole('button', { name: 'Save' }).click();
  await shows(page.locator('#trial .error'),
    'what only the server knows to be wrong is told at its field');
  await field(page, 'Server').fill('');
  await save(page);
  is((await api('GET', '/settings')).data.relayhost.host, null,
    'an empty field is none');
}

async function secrets(page, api) {
  const text = JSON.stringify((await api('GET', '/settings')).data);

  ok(!text.includes('"password"'), 'no password is in what the page gets');
  await field(page, 'Password').fill('a secret of the relay');
  await save(page);
  is((await api('GET', '/settings')).data.relayhost.password_set, true,
    'a password is set');
  is(await field(page, 'Password').inputValue(), '',
    'and not kept on the page');
  is(await field(page, 'Password').getAttribute('placeholder'),
    'set; type to replace it', 'which says that it is set');

  await page.locator('#trial').getByRole('switch', { name: 'Clear' })
    .press('Space');
  await save(page);
  is((await api('GET', '/settings')).data.relayhost.password_set, false,
    'it can be cleared');
}

async function days(page, api) {
  await mount(page, 'clearing');
  await field(page, 'Days in Junk').fill('30');
  await save(page);
  is((await api('GET', '/settings')).data.clearing.junk_days, 30,
    'days are a number');
  await field(page, 'Days in Junk').fill('0');
  await shows(page.locator('#trial').getByText('from 1 to 3650'),
    'with its limits');
  await field(page, 'Days in Junk').fill('');
  await save(page);
  is((await api('GET', '/settings')).data.clearing.junk_days, null,
    'or none: never');
}

async function master(page, api) {
  await mount(page, 'imap_master');
  await field(page, 'Password').fill('short');
  await shows(page.locator('#trial').getByText('at least 12 characters.'),
    'a short password is told while typing');
  await field(page, 'Password').fill('long enough to be good');
  await page.locator('#trial').getByRole('switch', { name: 'Enabled' })
    .press('Space');
  await field(page, 'Expires').fill('2030-01-01T07:30');
  await field(page, 'Allowed networks').fill('192.0.2.0/24\n2001:db8::/32');
  await save(page);

  const now = (await api('GET', '/settings')).data.imap_master;

  is(now.enabled, true, 'a switch is saved');
  is(now.password_set, true, 'with its password');
  is(now.expires, '2030-01-01T12:30:00Z', 'a time of here is saved in UTC');
  is(now.allow_nets.join(' '), '192.0.2.0/24 2001:db8::/32',
    'and networks, one a line');
  ok(await until(async () => await page.locator('#trial .badge')
    .filter({ hasText: 'in force' }).count() > 0), 'in force at the nodes');
}
