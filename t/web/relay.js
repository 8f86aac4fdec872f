/* The relayhost and the system mailer: set, in force, tried. */

'use strict';

const {
  is, like, ok, overflow, run, session, shows, until, url,
} = require('./browser.js');

const {
  MP_RELAY_PORT: RELAY, MP_MAILER_PORT: MAILER, MP_DEAD_PORT: DEAD,
} = process.env;

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/settings/relayhost');

  await first(page);
  await refused(page);
  await relay(page, api);
  await wrong(page);
  await mailer(page);
  await narrow(portal);
});

const field = (page, name) => page.getByLabel(name, { exact: true });
const button = (where, name) => where.getByRole('button', {
  name, exact: true,
});
const region = (page, name) => page.getByRole('region', { name });
const steps = (where) => where.getByRole('list', { name: 'Steps' });
const password = (page) => page.locator('input[autocomplete=new-password]');

async function save(page) {
  await button(page, 'Save').click();
  await shows(page.getByText(/^Saved as version/), 'it is saved');
  await shows(region(page, 'At the servers').locator('.badge')
    .filter({ hasText: 'in force after' }), 'and in force at the agent');
}

async function first(page) {
  await shows(page.getByText('Outgoing mail goes directly'),
    'at first there is no relayhost');
  await shows(page.getByText('Postfix uses it within about 10 seconds'),
    'it is said how soon it counts');
  is(await region(page, 'Test the relayhost').count(), 0,
    'and there is nothing to test');
}

async function refused(page) {
  await field(page, 'Server').fill('$(id)');
  await button(page, 'Save').click();
  ok(await until(async () => await field(page, 'Server')
    .getAttribute('aria-invalid') === 'true'),
  'what is no server is told at its field');
}

async function relay(page, api) {
  await field(page, 'Server').fill('[127.0.0.1]');
  await page.locator('.field').filter({ hasText: /^Port/ }).locator('input')
    .fill(RELAY);
  await page.getByRole('combobox', { name: /^TLS/ }).selectOption('none');
  await page.getByLabel(/^User name/).fill('mail@relay');
  await password(page).fill('right');
  await save(page);
  await shows(page.getByText(
    `Outgoing mail goes to [127.0.0.1], port ${RELAY}`,
  ), 'where mail goes is said');
  is(await password(page).inputValue(), '', 'the password is gone');
  is(await password(page).getAttribute('placeholder'),
    'set; type to replace it', 'but for that there is one');
  ok(!JSON.stringify((await api('GET', '/settings')).data).includes('right"'),
    'and cannot be read back');

  const where = region(page, 'Test the relayhost');

  await button(where, 'Test').click();
  await shows(where.getByText(/^Done, in/), 'a test passes');
  const text = await steps(where).innerText();

  for (const says of [
    /Name\s+127\.0\.0\.1 is at 127\.0\.0\.1\./,
    /Connection\s+Port \d+ takes connections\./,
    /TLS\s+The connection is not encrypted\./,
    /Sign-in\s+Name and password are taken\./,
  ]) {
    like(text, says, `a step: ${says.source}`);
  }
  await field(page, 'Server').fill('elsewhere.example');
  await shows(where.getByText('the test is of what is in force'),
    'what is typed is not what is tested, which is said');
  await button(page, 'Discard changes').click();
}

async function wrong(page) {
  const where = region(page, 'Test the relayhost');

  await password(page).fill('wrong');
  await save(page);
  // all that follows is at once, as by a double click
  await page.evaluate(() => {
    const now = Date.now();

    Date.now = () => now;
  });
  await button(where, 'Test').click();
  await shows(where.getByText(/^It failed: sign in: authentication failed/),
    'a wrong password fails, in words');
  await shows(steps(where).locator('[data-kind=bad]')
    .filter({ hasText: 'Sign-in' }), 'at its step');
  await shows(steps(where).locator('[data-kind=good]')
    .filter({ hasText: 'Name' }), 'after those that went well');
  const first = await jobIn(where);

  await button(where, 'Test').click();
  await where.getByText('Starting…').waitFor({ state: 'hidden' });
  is(await jobIn(where), first, 'a second click at once means the first');
  await password(page).fill('right');
  await save(page);
  await button(where, 'Test').click();
  await shows(where.getByText(/^Done, in/),
    'but other settings are tried, however soon');
  await page.reload();
}

const jobIn = (where) => where.locator('.job h3 a').getAttribute('href');

async function mailer(page) {
  await page.goto(`${url}/#/settings/system-mailer`);

  const port = page.locator('.field').filter({ hasText: /^Port/ })
    .locator('input');

  await port.fill(MAILER);
  await page.getByLabel(/^From/).fill('portal@mx.example');
  await save(page);

  const where = region(page, 'Send a test mail');

  await where.getByLabel('To').fill('nobody');
  await button(where, 'Send a test').click();
  await shows(where.getByText('Enter a mail address.'),
    'what is no address is told');
  await where.getByLabel('To').fill('a@b.example,c@d.example');
  await button(where, 'Send a test').click();
  ok(await until(async () => await where.getByLabel('To')
    .getAttribute('aria-invalid') === 'true'),
  'what the server refuses is told at its field');
  await where.getByLabel('To').fill('ann@example.org');
  await button(where, 'Send a test').click();
  await shows(where.getByText(/^Done, in/), 'a test mail is sent');
  like(await steps(where).innerText(),
    /Message\s+The server has taken the message\./, 'in steps');

  await port.fill(DEAD);
  await save(page);
  await where.getByLabel('To').fill('bob@example.org');
  await button(where, 'Send a test').click();
  await shows(where.getByText(/^It waits, next attempt in \d+ s\.$/),
    'when the server is away it waits, and it is said how long');
  await shows(where.locator('.badge').filter({ hasText: 'to be tried again' }),
    'which is its state');
  await shows(steps(where).locator('[data-kind=bad]')
    .filter({ hasText: /Connection.*Nobody takes the connection/ }),
  'and why');
  await port.fill(MAILER);
  await save(page);
  await shows(where.getByText(/^Done, in/), 'and goes with other settings');
}

async function narrow(portal) {
  const page = await portal.signedIn('#/settings/relayhost', {
    viewport: { width: 320, height: 640 },
  });

  await region(page, 'Test the relayhost').waitFor();
  is(await overflow(page), 0, 'nothing to scroll sideways on a small screen');
  await page.context().close();
}
