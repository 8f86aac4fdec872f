/* A backup and the verification cache, from the Actions page. */

'use strict';

const { symlinkSync } = require('node:fs');
const {
  is, like, ok, overflow, run, session, shows, until,
} = require('./browser.js');

const { MP_DOMAIN: DOMAIN, MP_STACK_DIR: DIR } = process.env;
const BACKUP = 'Back up Radicale';
const VERIFY = 'Clear the address verification cache';

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/actions');

  await backup(page, api);
  await ofOne(page, api);
  await verify(page, api);
  await leftOut(page);
  await narrow(portal);
  await without(portal);
});

const card = (page, name) => page.getByRole('region', { name, exact: true });
const job = (page, name) => page.getByRole('article', { name });
const button = (where, name) => where.getByRole('button', { name });
const steps = (where) => where.getByRole('list', { name: 'Steps' });
const backups = async (api) => (await api('GET', '/backups')).data.backups;

async function backup(page, api) {
  await button(card(page, BACKUP), 'Back up now').click();

  const it = job(page, `${BACKUP}: All users`).first();

  await shows(it.getByText(/^Done: \d+ files/), 'all users are backed up');
  like(await steps(it).innerText(), /Backup.*2 collections, 4 items/s,
    'with what is in it, as a step');
  is((await backups(api)).length, 1, 'there is one backup');
  await button(it, 'Hide').click();
  await shows(card(page, BACKUP).getByRole('link', {
    name: 'See the backups',
  }), 'the backups are one click away');
}

async function ofOne(page, api) {
  const where = card(page, BACKUP);
  const field = where.getByRole('textbox', { name: 'User' });

  await where.getByRole('combobox').selectOption('one');
  await field.fill('alice');
  await button(where, 'Back up now').click();
  await shows(where.getByText('Enter the whole address of the user.'),
    'half an address is told');
  await field.fill('a*@b.example');
  await button(where, 'Back up now').click();
  ok(await until(async () => await field.getAttribute('aria-invalid')
    === 'true'), 'what the server refuses is told at its field');
  await field.fill(`alice@${DOMAIN}`);
  await button(where, 'Back up now').click();
  await shows(job(page, `${BACKUP}: alice@${DOMAIN}`)
    .getByText(/1 collections?, 2 items/), 'one user is backed up alone');
  await field.fill(`nobody@${DOMAIN}`);
  await button(where, 'Back up now').click();
  await shows(job(page, `${BACKUP}: nobody@${DOMAIN}`)
    .getByText('It failed: Radicale has nothing of that user.'),
  'a user without a calendar is told');
  is((await backups(api)).length, 2, 'there are two backups');
}

async function verify(page, api) {
  const jobs = async () => (await api('GET',
    '/jobs?action=verify-cache-clear')).data.jobs.length;
  const where = card(page, VERIFY);
  const it = job(page, new RegExp(`^${VERIFY}`));

  await button(where, 'See what would go').click();
  await shows(where.getByText('2 addresses would be forgotten.'),
    'what would go is counted');
  like(await steps(where).innerText(), /1 good, 1 bad/, 'by good and bad');

  const before = await jobs();

  await button(it.first(), 'Clear now').click();
  await button(page.getByRole('dialog'), 'Keep them').click();
  is(await jobs(), before, 'who does not mean it can keep them');
  await button(it.first(), 'Clear now').click();
  ok(await until(() => page.evaluate(
    () => document.activeElement.textContent === 'Keep them',
  )), 'an Enter too many clears nothing');
  await button(page.getByRole('dialog'), 'Clear the cache').click();
  await shows(where.getByText('2 addresses forgotten.'), 'they are cleared');
  await shows(where.getByText('Postfix asks anew about each address.'),
    'in its steps');
}

/* What a backup could not take. */
async function leftOut(page) {
  const where = card(page, BACKUP);

  symlinkSync('/etc/passwd', `${DIR}/data/radicale/collection-root/`
    + `alice@${DOMAIN}/work/evil.ics`);
  await where.getByRole('combobox').selectOption('all');
  await button(where, 'Back up now').click();

  const it = job(page, `${BACKUP}: All users`).first();

  await shows(it.getByText(/^Done, but not for all: \d+ files, 1 failed/),
    'a link is not followed, which is counted');
  like(await it.getByRole('table').innerText(),
    /evil\.ics.*is a symbolic link/s, 'and named');
  is(await it.getByRole('link', { name: 'Try again' }).count(), 0,
    'with nothing to try again');
  await it.getByRole('heading').getByRole('link').click();
  await shows(page.getByRole('heading', { level: 1, name: BACKUP }),
    'a backup has a page of its own');
  is(await page.getByText('no limit').count(), 0, 'which has no speed');
}

async function narrow(portal) {
  const page = await portal.signedIn('#/actions', {
    viewport: { width: 320, height: 640 },
  });

  await card(page, VERIFY).waitFor();
  is(await overflow(page), 0, 'nothing to scroll sideways on a small screen');
  await page.context().close();
}

async function without(portal) {
  const page = await portal.open('#/actions');

  await page.route('**/api/v1/nodes', async (route) => {
    const response = await route.fetch();
    const body = await response.json();

    await route.fulfill({
      response,
      json: {
        ...body,
        nodes: body.nodes.filter(({ component }) => component !== 'agent'),
      },
    });
  });
  await portal.signIn(page);
  await card(page, 'Recalculate quota').waitFor();
  await shows(page.getByRole('link', { name: /^Nodes/ }), 'the nodes are seen');
  is(await card(page, BACKUP).count(), 0,
    'without an agent there is no such card');
  await page.context().close();
}
