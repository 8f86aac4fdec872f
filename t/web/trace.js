/* What became of each message: found, opened, linked, and as text. */

'use strict';

const {
  is, isHacked, like, ok, overflow, run, session, shows, until, url,
} = require('./browser.js');

const { MP_USER: USER } = process.env;

/* from; the word for it; what is beside it; what its story has */
const MESSAGES = [
  ['good@good.example', 'Delivered', /to Inbox\s+score 0/,
    ['Connected', 'is below all thresholds', 'Queued', 'Put into Inbox']],
  ['junk@junk.example', 'Delivered to Junk', /score 5/,
    ['Score 5', 'marked as spam', 'Put into Junk']],
  ['spam@spam.example', 'Refused', /score 30/,
    ['Score 30', 'reaches “Reject from”', '5.7.1 Message refused as spam']],
  ['grey@grey.example', 'Greylisted', /score 3\.5/,
    ['Score 3.5', 'reaches “Defer from”', 'please try again']],
  ['x@mail.black.example', 'Refused', /on the blacklist: black\.example/,
    ['On the blacklist', 'Sender domain black.example is blocked']],
  ['y@white.example', 'Delivered', /on the whitelist: white\.example/,
    ['On the whitelist', 'Put into Inbox']],
  ['lost@four.example', 'Refused', /by Postfix/,
    ['Relay access denied', 'by Postfix itself']],
  ['wait@six.example', 'Deferred', /is tried again\s+score 0/,
    ['Waits, and is tried again', 'Connection refused']],
];

run(async (portal) => {
  const page = await portal.signedIn('#/trace');
  const rows = page.locator('.message');
  const search = page.getByLabel('Search');
  const find = async (text) => {
    await search.fill(text);
    await search.press('Enter');
  };

  await rows.first().waitFor();
  ok(await rows.count() >= 50, 'the newest messages are shown');

  for (const [from, word, beside, story] of MESSAGES) {
    await find(from);
    ok(await until(async () => await rows.count() === 1
      && (await rows.innerText()).includes(from)), `${from} is found`);
    is(await rows.locator('.badge').innerText(), word, `it is: ${word}`);
    like(await rows.innerText(), beside, 'with why');
    await rows.locator('summary').first().click();
    const told = await rows.locator('.story').innerText();

    is(story.filter((part) => !told.includes(part)).join(), '',
      'its story is told');
  }

  await keys(page, rows, find);
  await linked(portal, page, rows);
  await hostile(page, rows, find);
  await states(page, rows, find);
  await paged(page, rows);
  await narrow(page);
});

/* By keys alone; and the lines of the logs. */
async function keys(page, rows, find) {
  await find('good@good.example');
  await until(async () => await rows.count() === 1);
  await page.getByRole('button', { name: 'Search' }).focus();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await shows(rows.locator('.story'), 'a row opens by keys');
  await page.getByText(/\d+ log lines/).press('Enter');
  like(await rows.locator('.story-lines').innerText(),
    /connect from [^]*client=[^]*mailportal-milter[^]*queue active[^]*stored/,
    'with every line of the logs');
}

/* A search has an address; Trace and Logs lead to each other. */
async function linked(portal, page, rows) {
  const other = await portal.signedIn('#/trace?q=junk%40junk.example');

  await shows(other.locator('.message').filter({ hasText: 'Junk' }),
    'a search is in the address of the page');
  await other.context().close();

  await page.getByRole('link', { name: 'in the log of Postfix' }).click();
  await shows(page.getByRole('heading', { name: 'Server logs' }),
    'a message leads to its lines');
  const lines = page.locator('tbody tr');

  ok(await until(async () => await lines.count() >= 4), 'which are shown');
  const id = await page.getByLabel('Queue id').inputValue();

  ok(id && (await lines.allInnerTexts()).every((text) => text.includes(id)),
    'and no others');
  await lines.getByRole('link', { name: id }).first().click();
  ok(await until(async () => await rows.count() === 1
    && (await rows.innerText()).includes('good@good.example')),
  'a line leads to its message');
  is(await page.getByLabel('Search').inputValue(), id, 'by its queue id');
  await page.goBack();
  await page.goBack();
  await shows(rows.filter({ hasText: 'good@good.example' }),
    'and the way back is the browser’s');
}

async function hostile(page, rows, find) {
  await find('html.example');
  await shows(rows.getByText('"<img/src=x/onerror=window.__x=1>"@html.example'),
    'markup in an address is text');
  await rows.locator('summary').first().click();
  await shows(rows.getByText('<<b>bold</b>@html.example>').first(),
    'and in a message id');
  await page.goto(`${url}/#/trace?q=n7%40many.example`);
  await rows.locator('summary').first().click();
  await page.getByText(/\d+ log lines/).click();
  await shows(rows.getByText('<img src=x onerror=window.__x=1>'),
    'and in a subject');
  await find('<img src=x onerror="window.__x=1">');
  await shows(page.getByText('“<img src=x onerror="window.__x=1">”'),
    'and in what is searched');
  is(await isHacked(page), false, 'none of it runs');
}

async function states(page, rows, find) {
  await find('no-such@none.example');
  await shows(page.getByText('No message matches'),
    'nothing found is said');
  await shows(page.getByRole('link', { name: 'Search the log of Postfix' }),
    'and where to look then');
  await find('x'.repeat(321));
  await shows(page.locator('.error').filter({ hasText: '320' }),
    'what cannot be searched is said at the field');

  await find('');
  await page.getByLabel('Outcome').selectOption('deferred');
  ok(await until(async () => await rows.count() === 1
    && (await rows.innerText()).includes(USER)), 'by its outcome');
  await page.getByLabel('Outcome').selectOption('');
}

async function paged(page, rows) {
  await page.goto(`${url}/#/trace?q=many.example`);
  await until(async () => await rows.count() >= 50);
  const seen = new Set();
  const next = page.getByRole('button', { name: 'Next' });
  const api = await session();
  const all = await api('GET', '/trace?q=many.example&limit=500');

  for (;;) {
    const texts = await rows.locator('.message-who').allInnerTexts();

    texts.forEach((text) => seen.add(text));
    if (await next.count() === 0 || await next.isDisabled()) {
      break;
    }
    await next.click();
    await until(async () => (await rows.locator('.message-who')
      .allInnerTexts()).join() !== texts.join());
  }
  is(seen.size, 120, 'older ones are on the next pages');
  is(all.data.messages.length, 120, 'each once');
}

async function narrow(page) {
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto(`${url}/#/trace`);
  await page.locator('.message').first().waitFor();

  for (const summary of (await page.locator('.message summary').all())
    .slice(0, 3)) {
    await summary.click();
    await page.locator('.story details:not([open])').first()
      .locator('summary').click();
  }
  is(await overflow(page), 0, 'nothing to scroll sideways on a small screen');
}
