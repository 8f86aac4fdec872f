/* Clearing from the Actions page: what would go, then for good. */

'use strict';

const {
  is, like, ok, run, session, shows, until, url,
} = require('./browser.js');

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/actions');
  const where = page.getByRole('region', { name: 'Clear Junk and Trash' });
  const job = (name) => page.getByRole('article', { name });

  await shows(where.getByText('In force: from Junk after 60 days.'),
    'the days in force are told');
  await where.getByRole('link', { name: 'Change the days' }).click();
  is(await page.getByLabel('Days in Junk').inputValue(), '60',
    'a link leads to them');
  await page.goto(`${url}/#/actions`);
  await where.getByRole('button', { name: 'See what would go' }).click();

  const dry = job('Clear Junk and Trash: dry run: All mailboxes');

  await shows(dry.getByText(/^2 messages .* Nothing was removed\.$/),
    'what would go is shown first');
  like(await dry.getByRole('table', { name: 'Messages that would go' })
    .innerText(), /junk@crowd\.test\s+Junk/, 'with the messages');
  await dry.getByRole('button', { name: 'Clear now' }).click();
  like(await page.getByRole('dialog').innerText(), /Remove 2 messages for good/,
    'to remove them asks, with their number');
  await page.getByRole('button', { name: 'Remove 2 messages' }).click();
  await shows(job('Clear Junk and Trash: All mailboxes')
    .getByText(/^2 messages .* were removed\.$/), 'only then they are removed');
  ok(await until(async () => {
    const { data } = await api('GET', '/jobs?action=clear-folders');

    return data.jobs.filter((one) => one.created_by === 'admin'
      && !one.dry_run && one.state === 'done').length === 1;
  }), 'by one job');
});
