/* The audit log: in words, by kind, by pages. */

'use strict';

const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const {
  admin, is, like, ok, run, session, shows, signIn, until, url,
} = require('./browser.js');

run(async (portal) => {
  const api = await session();

  await deeds(portal, api);

  const page = await portal.signedIn('#/audit');

  await words(page);
  await kinds(page);
  await pages(page);
  await seldom(page);
});

const rows = (page) => page.locator('tbody tr');
const row = (page, text) => rows(page).filter({ hasText: text }).first();

async function deeds(portal, api) {
  const page = await portal.open('');

  await signIn(page, { ...admin, password: 'not the right one' });
  await page.getByRole('alert').first().waitFor();
  await page.context().close();
  await api('PATCH', '/settings', {
    json: { antispam: { reject: 12 } },
    etag: (await api('GET', '/settings')).etag,
  });
  await api('PUT', '/lists/blacklist/entries/spam.example', { json: {} });
  await api('POST', '/jobs', {
    json: { action: 'index-rebuild', target: 'a@demo.example' }, key: 'audit',
  });
  add('imap-master-login', 'masteradmin', 'alice@demo.example', '192.0.2.17');
}

function add(what, actor, target, from) {
  many([`XADD mp:{audit}:in * at 2026-03-01T10:00:00Z actor ${actor} `
    + `what ${what} target ${target} from ${from} req x result ok`]);
}

/* Many commands at once. */
function many(lines) {
  const dir = process.env.MP_STACK_DIR;
  const password = readFileSync(`${dir}/secrets/redis-mp-ops.pw`, 'utf8');
  const done = spawnSync('redis-cli', [
    '-s', `${dir}/run/redis.sock`, '--user', 'mp-ops', '--no-auth-warning',
  ], {
    input: `${lines.join('\n')}\n`,
    env: { ...process.env, REDISCLI_AUTH: password.trim() },
  });

  if (done.status !== 0 || /^(ERR|NO)/m.test(done.stdout)) {
    throw new Error(`redis-cli: ${done.stderr}${done.stdout}`);
  }
}

async function words(page) {
  await shows(row(page, 'Changed the settings'), 'a change is in the log');
  like(await row(page, 'Changed the settings').innerText(),
    new RegExp(`version \\d+.*${admin.username}.*127\\.0\\.0\\.1.*\\d{4}`, 's'),
    'with what, who, from where and when');
  like(await row(page, 'Put on the blacklist').innerText(), /spam\.example/,
    'an entry of a list with its name');
  like(await row(page, 'not done').innerText(),
    /Signed in.*the name or the password was wrong/is,
    'what was refused says why');
  like(await row(page, 'master password').innerText(),
    /by IMAP.*alice@demo\.example.*masteradmin.*192\.0\.2\.17/s,
    'a login by the master password names the mailbox');
  like(await row(page, 'Started a job').innerText(),
    /Rebuild indexes\s+a@demo\.example/, 'a job says what and for whom');
  is(await rows(page).filter({ hasText: /session\.|-put|-login/ }).count(), 0,
    'no code is left');
}

async function kinds(page) {
  await page.getByLabel('Show').selectOption('settings');
  ok(await until(async () => await rows(page).count() === 1),
    'a kind can be shown alone');
  is(page.url(), `${url}/#/audit?what=settings`, 'with an address');
  await page.reload();
  ok(await until(async () => await rows(page).count() === 1),
    'that can be loaded again');
  await page.getByLabel('Show').selectOption('jobs');
  await row(page, 'Started a job').getByRole('link').click();
  await shows(page.getByRole('heading', { name: 'Rebuild indexes' }),
    'a job is a link to its page');
  await page.goBack();
  await page.goto(`${url}/#/audit?what=master`);
  ok(await until(async () => await rows(page).count() === 1),
    'a kind can be linked to');
}

async function pages(page) {
  many(Array.from({ length: 60 }, (_, i) => (
    `XADD mp:{audit}:in * actor x what list-import target blacklist-${i}`
  )));
  await page.getByLabel('Show').selectOption('lists');
  ok(await until(async () => await rows(page).count() === 50),
    'fifty are on a page');
  like(await rows(page).first().innerText(), /blacklist-59/,
    'the newest first');
  await page.getByRole('button', { name: 'Next' }).click();
  ok(await until(async () => await rows(page).count() === 11),
    'older ones on the next');
  await shows(row(page, 'spam.example'), 'to the oldest');
  await page.getByRole('button', { name: 'Previous' }).click();
  ok(await until(async () => await rows(page).count() === 50), 'and back');
}

/* What is seldom is looked for only so far at once. */
async function seldom(page) {
  many(Array.from({ length: 10100 }, () => (
    'XADD mp:{audit}:in * actor x what list-import target blacklist'
  )));
  await page.getByLabel('Show').selectOption('master');
  await shows(page.getByText('Older entries are on the next pages.'),
    'where none is near, the page says that there may be more');
  await page.getByRole('button', { name: 'Next' }).click();
  await shows(row(page, 'alice@demo.example'), 'and leads on to it');
}
