/* The IMAP master password: on and off by the page, used, and audited. */

'use strict';

const {
  is, like, ok, run, session, shows, until,
} = require('./browser.js');
const { login } = require('./imap.js');

const { MP_USER: USER } = process.env;
const NAME = `${USER}*masteradmin`;

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/settings/imap-master', {
    timezoneId: 'Asia/Kolkata',
  });

  await off(page);
  await generate(page);

  const password = await enable(page, api);

  await uses(page);
  await audit(page);
  await expire(page, api, password);
  await disable(page, password);
});

const save = (page) => page.getByRole('button', { name: 'Save', exact: true });
const state = (page) => page.getByRole('region', { name: 'At the servers' });

async function off(page) {
  await shows(state(page).getByText('It opens nothing.'), 'it is off at first');
  await shows(page.getByText('It has not been used.'), 'and was never used');
  await shows(state(page).locator('.badge').filter({ hasText: 'in force' }),
    'which is in force at the server');
  await page.getByRole('switch', { name: 'Enabled' }).press('Space');
  await save(page).click();
  await shows(page.locator('.field').filter({ hasText: 'Enabled' })
    .getByText(/needs a password/i), 'it cannot be on without a password');
}

async function generate(page) {
  const field = page.getByLabel('Password', { exact: true });

  is(await field.getAttribute('type'), 'password', 'a password is not shown');
  await field.fill('eleven char');
  await shows(page.getByText('Use at least 12 characters.'),
    'one that is too short is told');
  await page.getByRole('button', { name: 'Show' }).click();
  is(await field.getAttribute('type'), 'text', 'unless one wants to see it');
  await page.getByRole('button', { name: 'Generate' }).click();
  const one = await field.inputValue();

  like(one, /^([a-z2-9]{5}-){3}[a-z2-9]{5}$/, 'one can be generated');
  await page.getByRole('button', { name: 'Generate' }).click();
  ok(await field.inputValue() !== one, 'another one each time');
}

async function enable(page, api) {
  const password = await page.getByLabel('Password', { exact: true })
    .inputValue();

  is(await login(NAME, password), false, 'before, the password opens nothing');
  await page.getByLabel('Expires').fill('2037-05-06T07:08');
  await save(page).click();
  await shows(state(page).getByText('It opens every mailbox until 6 May 2037'),
    'saved, the page says that it is on, and until when');
  is((await api('GET', '/settings')).data.imap_master.expires,
    '2037-05-06T01:38:00Z', 'a time of here is stored in UTC');
  await shows(state(page).locator('.badge')
    .filter({ hasText: 'in force after' }), 'and where it is in force');
  is(await login(NAME, password), true,
    'when the page says so, it opens a mailbox');
  is(await login(NAME, `${password}x`), false, 'another password does not');
  is(await login(USER, password), false, 'nor does it alone, without the name');
  await shows(page.getByText(`alice@example.com*masteradmin`),
    'the page says how to sign in');
  is(await page.getByLabel('Password', { exact: true }).inputValue(), '',
    'the password is not kept on the page');
  return password;
}

async function uses(page) {
  const row = page.getByRole('table', { name: 'Last uses' })
    .locator('tbody tr').first();

  await shows(row, 'the use shows on the page by itself');
  like(await row.innerText(),
    new RegExp(`${USER}\\s+IMAP\\s+masteradmin\\s+127\\.0\\.0\\.1`),
    'with mailbox, name and address');
}

async function audit(page) {
  await page.getByRole('link', { name: 'audit log' }).click();
  await shows(page.getByRole('heading', { name: 'Audit log' }),
    'a link leads to the audit log');
  is(await page.getByLabel('Show').inputValue(), 'master',
    'to these entries alone');

  const rows = page.locator('tbody tr');

  ok(await until(async () => await rows.count() > 0), 'where it stands too');
  like(await rows.first().innerText(),
    new RegExp(`by IMAP, master password.*${USER}.*masteradmin`, 's'),
    'in words');
  await page.goBack();
}

/* A moment that is over is allowed, and told to be of no use. */
async function expire(page, api, password) {
  await page.getByLabel('Expires').fill('2020-01-01T00:00');
  await shows(page.getByText('Saved so, the password opens nothing.'),
    'a moment that is over is told while typing');
  await save(page).click();
  await shows(state(page).getByText('expired', { exact: true }),
    'saved, the page says that it has expired');
  ok(await until(async () => !await login(NAME, password)),
    'and it opens nothing');
  await page.getByLabel('Expires').fill('');
  await save(page).click();
  await shows(state(page).getByText('without an end'), 'it can have no end');
  ok(await until(() => login(NAME, password)),
    'and then opens mailboxes again');
}

async function disable(page, password) {
  await page.getByRole('switch', { name: 'Enabled' }).press('Space');
  await save(page).click();
  await shows(state(page).getByText('It opens nothing.'), 'switched off');
  ok(await until(async () => !await login(NAME, password)), 'it opens nothing');
}
