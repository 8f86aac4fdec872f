/* The days of Junk and Trash: what they would remove, and the sweeps. */

'use strict';

const {
  is, like, ok, run, session, shows, until, url,
} = require('./browser.js');

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/settings/clearing');

  await never(page, api);
  await preview(page);
  await save(page, api);
  await sweep(page);
  await more(page, api);
});

const job = (page, name) => page.getByRole('article', { name });
const region = (page, name) => page.getByRole('region', { name });

async function never(page, api) {
  const { clearing } = (await api('GET', '/settings')).data;

  is(clearing.junk_days, null, 'at first messages stay for ever');
  is(await page.getByLabel('Days in Junk').getAttribute('placeholder'),
    'never', 'which the page says');
  await shows(region(page, 'Last sweep').getByText('There was none yet.'),
    'and that there was no sweep');
  await shows(page.getByText('not from the day it was sent'),
    'it says which day counts');
  await shows(page.getByText('a sweep begins at once, at a low rate'),
    'and what saving does');
}

/* Three messages of 40 days, two of today, whose dates of sending lie. */
async function preview(page) {
  await page.getByLabel('Days in Junk').fill('30');
  await region(page, 'What would go')
    .getByRole('button', { name: 'See what would go' }).click();

  const it = job(page, /dry run: /);

  await shows(it.getByText('3 messages').filter({ hasText: 'would go' }),
    'the days that are typed can be tried');
  is(await it.getByRole('table', { name: 'Messages that would go' })
    .locator('tbody tr').count(), 3, 'each message is named');
  is(await it.getByRole('button', { name: 'Clear now' }).count(), 0,
    'nothing is offered but to save');
}

async function save(page, api) {
  const button = page.getByRole('button', { name: 'Save', exact: true });
  const dialog = page.getByRole('dialog');

  await button.click();
  like(await dialog.innerText(), /from Junk after 30 days/,
    'fewer days are asked about');
  await page.keyboard.press('Escape');
  is((await api('GET', '/settings')).data.clearing.junk_days, null,
    'Escape saves nothing');
  await button.click();
  await dialog.getByRole('button', { name: 'Save and clear' }).click();
  await shows(page.getByText(/^Saved as version/), 'it is saved when meant');
  is((await api('GET', '/settings')).data.clearing.junk_days, 30, 'as typed');
  await shows(region(page, 'At the servers').locator('.badge')
    .filter({ hasText: 'in force after' }), 'and in force at the server');
}

async function sweep(page) {
  const it = region(page, 'Last sweep').getByRole('article');

  await shows(it.getByText('daily sweep'), 'a sweep begins by itself');
  await shows(it.getByText(/^Done: \d+ users/), 'and ends');
  await shows(it.getByText(/^3 messages .* were removed\.$/),
    'with what it removed');
  await it.getByRole('link', { name: 'All mailboxes' }).click();
  await shows(page.getByText('the daily sweep'), 'its job has a page');
}

/* More days take nothing away that would have stayed. */
async function more(page, api) {
  const field = page.getByLabel('Days in Junk');

  await page.goto(`${url}/#/settings/clearing`);
  await field.fill('60');
  await field.press('Enter');
  await shows(page.getByText(/^Saved as version/),
    'more days are saved without a question');
  ok(await until(async () => {
    const { data } = await api('GET', '/jobs?action=clear-folders');

    return data.jobs.some((job) => job.junk_days === 60
      && job.created_by === 'mailportal' && job.state === 'done');
  }), 'and swept by too');
}
