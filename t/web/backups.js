/* The page of the backups. */

'use strict';

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const {
  is, like, ok, overflow, redis, run, session, shows, until,
} = require('./browser.js');

const { MP_DOMAIN: DOMAIN, MP_SHOTS: SHOTS } = process.env;
const ALICE = `alice@${DOMAIN}`;

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/backups');

  await shows(page.getByText('No backup yet.'), 'at first there is none');
  await make(page);
  await fetched(page, api);
  await looks(portal);
  await remove(page, api);
  await away(page);
});

const region = (page, name) => page.getByRole('region', { name, exact: true });
const rows = (page) => region(page, 'Backups').locator('tbody tr');
const row = (page, text) => rows(page).filter({ hasText: text });
const button = (where, name) => where.getByRole('button', { name });

async function make(page) {
  const card = region(page, 'Back up Radicale');

  await button(card, 'Back up now').click();
  await shows(row(page, 'all users'), 'a backup is listed when it is made');
  like(await row(page, 'all users').innerText(), /1 collection, 3 items/,
    'with what is in it');
  await card.getByRole('combobox').selectOption('one');
  await card.getByRole('textbox', { name: 'User' }).fill(ALICE);
  await button(card, 'Back up now').click();
  await shows(row(page, ALICE), 'so is that of one user');
  is(await rows(page).count(), 2, 'there are two');
}

async function fetched(page, api) {
  const { backups } = (await api('GET', '/backups')).data;
  const { name, sha256 } = backups.find(({ target }) => target === ALICE);
  const where = row(page, ALICE);

  is(await where.getByText(sha256).isVisible(), false, 'its sum is not shown');
  await where.getByText('SHA-256').click();
  await shows(where.getByText(sha256), 'until one asks for it');

  const download = page.waitForEvent('download');

  await where.getByRole('link', { name: 'Download' }).click();
  const file = await download;

  is(file.suggestedFilename(), name, 'it can be fetched, by its name');
  is(createHash('sha256').update(readFileSync(await file.path())).digest('hex'),
    sha256, 'and is what the sum says');
}

async function looks(portal) {
  for (const [name, options] of Object.entries({
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    narrow: { viewport: { width: 320, height: 900 } },
  })) {
    const page = await portal.signedIn('#/backups', options);

    await rows(page).first().waitFor();
    await row(page, ALICE).getByText('SHA-256').click();
    is(await overflow(page), 0, `${name}: nothing to scroll sideways`);
    if (SHOTS) {
      await page.screenshot({ path: `${SHOTS}/backups-${name}.png`,
        fullPage: true });
    }
    await page.context().close();
  }
}

async function remove(page, api) {
  const dialog = page.getByRole('dialog');

  await button(row(page, ALICE), 'Remove').click();
  ok(await until(() => page.evaluate(
    () => document.activeElement.textContent === 'Keep it',
  )), 'an Enter too many removes nothing');
  await button(dialog, 'Keep it').click();
  is(await rows(page).count(), 2, 'who does not mean it can keep it');
  for (const [left, text] of [[1, ALICE], [0, 'all users']]) {
    await button(row(page, text), 'Remove').click();
    await button(dialog, 'Remove the backup').click();
    ok(await until(async () => await rows(page).count() === left),
      `removed, ${left} left`);
  }
  ok(await until(async () => (await api('GET', '/backups')).data
    .backups.length === 0), 'they are gone');
  await shows(page.getByText('No backup yet.'), 'and there is none again');
}

/* Without an agent there is nobody to make one. */
async function away(page) {
  const node = process.env.MP_NODE;
  const seen = redis('HGET', 'mp:{hb}:index', `agent:${node}`);

  ok(Number(seen) > 0, 'the agent is seen');
  await page.route('**/api/v1/nodes', (route) => route.fulfill({
    json: { nodes: [] },
  }));
  await page.reload();
  await shows(page.getByText('No agent has reported.'),
    'without an agent the page says who makes backups');
}
