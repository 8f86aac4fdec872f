/* Jobs from the Actions page: started once, followed, cancelled. */

'use strict';

const {
  is, like, more, ok, redis, run, session, shows, until, url,
} = require('./browser.js');

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/actions');

  await first(page);
  await typing(page, api);
  await quota(page);
  await twice(page, api);
  await cancel(page);
  await polling(portal);
  await broken(portal);
  await lost(portal, api);
  await waiting(page, api);
});

const card = (page, name) => page.getByRole('region', { name });
const job = (page, name) => page.getByRole('article', { name });
const button = (where, name) => where.getByRole('button', { name });
const box = (where, name) => where.getByRole('textbox', { name });
const scope = (where) => where.getByRole('combobox', { name: 'For' });
const count = async (api) => (await api('GET', '/jobs?limit=100'))
  .data.jobs.length;

async function first(page) {
  await shows(page.getByText('No job yet.'), 'at first there is no job');
  for (const name of [
    'Recalculate quota', 'Rebuild indexes', 'Clear Junk and Trash',
  ]) {
    await shows(card(page, name), `there is a card: ${name}`);
  }
  await shows(card(page, 'Clear Junk and Trash').getByText('no days are set'),
    'clearing says that nothing is to be cleared');
  is(await button(card(page, 'Clear Junk and Trash'), 'See what would go')
    .getAttribute('aria-disabled'), 'true', 'and cannot be started then');
  ok(await until(async () => await page.getByText('No Dovecot server has')
    .count() === 0), 'there is a Dovecot server');
}

async function typing(page, api) {
  const where = card(page, 'Rebuild indexes');

  await scope(where).selectOption('domain');
  for (const [text, says] of [
    ['', 'Enter a domain, without an @.'],
    ['a@crowd.test', 'Enter a domain, without an @.'],
  ]) {
    await box(where, 'Domain').fill(text);
    await button(where, 'Start').click();
    await shows(where.getByText(says), `"${text}" is told to be no domain`);
  }
  await scope(where).selectOption('mailbox');
  await box(where, 'Mailbox').fill('crowd.test');
  await button(where, 'Start').click();
  await shows(where.getByText('Enter the whole address of the mailbox.'),
    'a domain is told to be no mailbox');
  await box(where, 'Mailbox').fill('a*@crowd.test');
  await button(where, 'Start').click();
  ok(await until(async () => await box(where, 'Mailbox')
    .getAttribute('aria-invalid') === 'true'),
  'what the server refuses is told at its field');
  await scope(where).selectOption('all');
  for (const rate of ['0', 'ten', '1.5', '10001']) {
    await where.getByLabel('Users per second').fill(rate);
    await button(where, 'Start').click();
    await shows(where.getByText('Enter a whole number from 1 to 10000.'),
      `"${rate}" is told to be no rate`);
  }
  await where.getByLabel('Users per second').fill('');
  is(await count(api), 0, 'and nothing of it has made a job');
}

/* The values that the bar goes through until the job has ended. */
async function follow(page, name) {
  const bar = job(page, name).getByRole('progressbar').first();
  const seen = new Set();

  await bar.waitFor();
  await until(async () => {
    seen.add(await bar.evaluate((e) => e.position));
    return await job(page, name).locator('.badge')
      .filter({ hasText: /^(done|failed|cancelled)/ }).count() > 0;
  });
  return [...seen].filter((part) => part > 0 && part < 1);
}

async function quota(page) {
  const name = 'Recalculate quota: All mailboxes';
  const where = card(page, 'Recalculate quota');
  let events = 0;

  page.on('response', (response) => {
    events += /\/jobs\/\w+\/events$/.test(response.url())
      && response.status() === 200;
  });
  await where.getByLabel('Users per second').fill('50');
  await button(where, 'Start').click();
  await shows(job(page, name).getByText('by admin'),
    'the job is shown, and who started it');

  const parts = await follow(page, name);

  ok(parts.length >= 2, `the bar moves (${parts.length} places)`);
  ok(events > 0, 'by what the server tells');

  const text = job(page, name).locator('.job-says');

  like(await text.innerText(), /^Done, but not for all: /, 'then it has ended');
  like(await text.innerText(), /, 1 failed/, 'with one failure');
  like(await text.innerText(), /without a mailbox yet/,
    'and users who never had mail');
  is(await job(page, name).getByRole('progressbar').first()
    .evaluate((e) => e.position), 1, 'the bar is full');
  await failures(page, name);
}

async function failures(page, name) {
  const row = job(page, name).getByRole('row').filter({ hasText: 'u7@' });

  await shows(row.getByText(/quota/i).first(),
    'the failed user is named, and why');
  await shows(row.getByText('Correct the quota rule of this user'),
    'and what to do');
  await shows(job(page, name).getByRole('heading', { name: 'Usage that was' }),
    'a usage that was wrong is listed');
  like(await job(page, name).getByRole('row').filter({ hasText: 'u1@' })
    .innerText(), /(\d+ bytes|KiB|MiB).*(\d+ bytes|KiB|MiB)/s,
  'with what it was before and what it is now');
  await shows(page.getByRole('row').filter({ hasText: 'Recalculate quota' })
    .getByText('done, with failures'), 'the list of jobs has it');

  await row.getByRole('link', { name: 'Try again' }).click();
  const again = card(page, 'Recalculate quota');

  ok(await until(async () => {
    const field = box(again, 'Mailbox');

    return await field.count() === 1
      && await field.inputValue() === 'u7@crowd.test';
  }), 'it can be tried again alone');
  await button(again, 'Start').click();
  await shows(job(page, 'Recalculate quota: u7@crowd.test')
    .getByText(/^Done, but not for all: 1 user, 1 failed/),
  'and fails again, as nothing was mended');
}

/* Somebody else has started the same. */
async function twice(page, api) {
  const colleague = await session(more('colleague'));
  const where = card(page, 'Rebuild indexes');
  const before = await count(api);

  await colleague('POST', '/jobs', {
    json: { action: 'index-rebuild', rate: 1 }, key: 'a colleague',
  });
  await button(where, 'Start').click();
  await shows(where.getByText('This is being done already.'),
    'a second job of the same kind is not made');
  await shows(job(page, 'Rebuild indexes: All mailboxes')
    .getByText('by colleague'), 'the first is shown in its place');
  is(await count(api), before + 1, 'there is one');
}

async function cancel(page) {
  const it = job(page, 'Rebuild indexes: All mailboxes');

  await button(it, 'Cancel job').click();
  await button(page.getByRole('dialog'), 'Let it go on').click();
  is(await it.locator('.badge').innerText(), 'running',
    'who does not mean it can let it go on');
  await button(it, 'Cancel job').click();
  await button(page.getByRole('dialog'), 'Cancel the job').click();
  await shows(it.getByText(/^Cancelled by admin after \d+ of \d+ users/),
    'a job can be cancelled, and says how far it was');
  await button(it, 'Hide').click();
  ok(await until(async () => await it.count() === 0),
    'what has ended can be put away');
}

/* Where the server's events do not come through. */
async function polling(portal) {
  const page = await portal.open('#/actions');

  await page.route('**/events', (route) => route.abort());
  await portal.signIn(page);

  const where = card(page, 'Recalculate quota');
  const name = 'Recalculate quota: crowd.test';

  await scope(where).selectOption('domain');
  await box(where, 'Domain').fill('crowd.test');
  await where.getByLabel('Users per second').fill('30');
  await button(where, 'Start').click();

  const parts = await follow(page, name);

  ok(parts.length >= 1, `without events the bar moves too (${parts.length})`);
  like(await job(page, name).locator('.job-says').innerText(), /^Done/,
    'and comes to its end');
  await page.context().close();
}

/* The line breaks while a job goes on, and is mended. */
async function broken(portal) {
  const page = await portal.signedIn('#/actions');
  const where = card(page, 'Rebuild indexes');
  const it = job(page, 'Rebuild indexes: crowd.test');

  await scope(where).selectOption('domain');
  await box(where, 'Domain').fill('crowd.test');
  await where.getByLabel('Users per second').fill('25');
  await button(where, 'Start').click();
  await shows(it.getByText(/^\d+ of 200 users/), 'a job goes on');
  await page.context().setOffline(true);
  await shows(page.getByText('The portal does not answer.'),
    'when the line breaks, the page says so');
  await page.context().setOffline(false);
  await shows(it.getByText(/^Done.* 200 users/),
    'when it is mended, the job is followed to its end');
  await page.context().close();
}

/* A double click, and an answer that never came. */
async function lost(portal, api) {
  const page = await portal.signedIn('#/actions');
  const where = card(page, 'Rebuild indexes');
  const before = await count(api);
  let lose = true;

  await scope(where).selectOption('mailbox');
  await box(where, 'Mailbox').fill('u1@crowd.test');
  await page.route('**/api/v1/jobs', async (route) => {
    if (lose) {
      lose = false;
      await route.fetch();
      await route.abort();
    } else {
      await route.continue();
    }
  });
  await button(where, 'Start').click();
  await shows(where.getByText('Whether the job was taken is not known.'),
    'a lost answer is told');
  await button(where, 'Start').dblclick();
  await shows(job(page, 'Rebuild indexes: u1@crowd.test').getByText(/^Done/),
    'the click that repeats it finds the job');
  is(await count(api), before + 1, 'of which there is one');
  await page.unroute('**/api/v1/jobs');
  await page.reload();

  await scope(where).selectOption('mailbox');
  await box(where, 'Mailbox').fill('u1@crowd.test');
  await button(where, 'Start').dblclick();
  await shows(job(page, 'Rebuild indexes: u1@crowd.test').getByText(/^Done/),
    'later the same can be done again');
  is(await count(api), before + 2, 'by a double click once');
  await page.context().close();
}

/* A second server, which has not been seen for some minutes. */
async function waiting(page, api) {
  const ago = Math.floor(Date.now() / 1000) - 181;

  redis('HSET', 'mp:{hb}:index', 'dovecot:mx2', String(ago));
  await page.goto(`${url}/#/nodes`);
  await shows(page.getByRole('row').filter({ hasText: 'mx2' }),
    'a server is away');
  await page.goto(`${url}/#/actions`);

  const where = card(page, 'Recalculate quota');
  const it = job(page, 'Recalculate quota: u2@crowd.test');
  const row = (name) => it.getByRole('list', { name: 'Servers' })
    .getByRole('listitem').filter({ hasText: name });

  await scope(where).selectOption('mailbox');
  await box(where, 'Mailbox').fill('u2@crowd.test');
  await button(where, 'Start').click();
  await shows(row('mx2').getByText('not seen for 3 min, waiting'),
    'a job says for which server it waits');
  await shows(row(process.env.MP_NODE).getByText(/^done/),
    'and what the others have done');
  await shows(it.getByText('It waits for mx2.'), 'in words');
  await button(it, 'Cancel job').click();
  await button(page.getByRole('dialog'), 'Cancel the job').click();
  await shows(it.getByText(/^Cancelled by admin/), 'it can be cancelled');
  redis('HDEL', 'mp:{hb}:index', 'dovecot:mx2');
  is((await api('GET', '/nodes')).data.nodes
    .filter(({ node }) => node === 'mx2').length, 0, 'and the server is gone');
}
