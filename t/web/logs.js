/* The newest lines of a log: searched, filtered, paged, followed, fetched. */

'use strict';

const { appendFileSync, readFileSync } = require('node:fs');
const {
  is, ok, isHacked, overflow, run, session, shows, until, url,
} = require('./browser.js');

const { MP_STACK_DIR: DIR, MP_NODE: NODE } = process.env;
const FILE = `${DIR}/log/mail.log`;
const PAGE = 200;

const write = (text, file = FILE) => appendFileSync(file,
  `${new Date().toISOString().replace('Z', '000+00:00')} mx ${text}\n`);

run(async (portal) => {
  for (let i = 1; i <= 300; i += 1) {
    write(`postfix/smtpd[7]: connect from number-${i}.example`);
  }
  write('postfix/smtpd[8]: ABC1234567: client=c.example[192.0.2.7]');
  write('postfix/cleanup[8]: ABC1234568: message-id=<ABC1234567: x>');
  write('postfix/qmgr[8]: ABC1234567: from=<ann@example.org>, size=1');
  write('postfix/smtpd[7]: error: table is broken');
  write('postfix/smtpd[7]: warning: <img src=x onerror="window.__x=1">');
  write('dovecot: imap-login: Login: user=<ann>', `${DIR}/log/dovecot.log`);

  const page = await portal.signedIn('#/logs/postfix');
  const rows = page.locator('tbody tr');

  ok(await until(async () => {
    await page.reload();
    await rows.first().waitFor();
    return await rows.filter({ hasText: 'onerror' }).count() === 1;
  }), 'the newest lines are shown');
  is(await isHacked(page), false, 'as text');
  is(await rows.count(), PAGE, 'so many on a page');
  ok((await rows.first().innerText()).includes('onerror'), 'newest first');
  await page.getByRole('button', { name: 'Next' }).click();
  await shows(rows.filter({ hasText: 'number-5.example' }), 'then older ones');

  await filters(page, rows);
  await linked(portal, page, rows);
  await fetched(page);
  await followed(page, rows);
  await toTheEnd(page, rows);

  await page.goto(`${url}/#/logs/dovecot`);
  await shows(rows.filter({ hasText: 'user=<ann>' }), 'Dovecot has its own');
  is(await page.getByLabel('Queue id').count(), 0, 'without queue ids');
  await page.setViewportSize({ width: 320, height: 640 });
  is(await overflow(page), 0, 'nothing to scroll sideways on a small screen');
});

async function filters(page, rows) {
  const counts = (count) => until(async () => await rows.count() === count);

  for (const [label, value, count, name] of [
    ['Search', 'number-77.', 1, 'one is found by a part of it'],
    ['Queue id', 'ABC1234567', 2, 'those of a message'],
    ['Address', 'ann@example.org', 1, 'those of an address'],
    ['Address', '192.0.2.7', 1, 'or of a client'],
  ]) {
    await page.getByLabel(label).fill(value);
    ok(await counts(count), name);
    await page.getByLabel(label).fill('');
    ok(await counts(PAGE), 'and all again');
  }

  for (const [label, value, count, name] of [
    ['Severity', 'warning', 2, 'warnings, and worse'],
    ['Severity', 'error', 1, 'errors alone'],
    ['Node', NODE, PAGE, 'those of a node'],
  ]) {
    await page.getByLabel(label).selectOption(value);
    ok(await counts(count), name);
    await page.getByLabel(label).selectOption('');
    ok(await counts(PAGE), 'and all again');
  }

  await page.getByLabel('Queue id').fill('no such');
  await shows(page.getByText('Not a queue id of Postfix.'),
    'what is no queue id is said at once');
  is(await rows.count(), PAGE, 'and changes nothing');
  await page.getByLabel('Queue id').fill('');
  await page.getByLabel('Search').fill('x'.repeat(129));
  await shows(page.getByText('128 bytes'), 'as is what the server refuses');
  await page.getByLabel('Search').fill('');
  await counts(PAGE);
}

/* What is asked is in the address of the page. */
async function linked(portal, page, rows) {
  await page.goto(`${url}/#/logs/postfix?q=number-7.&severity=info`);
  ok(await until(async () => await rows.count() === 1),
    'a link brings its filters');
  is(await page.getByLabel('Search').inputValue(), 'number-7.',
    'which the page shows');
  await page.getByLabel('Search').fill('number-8.');
  ok(await until(() => /q=number-8\.&severity=info/.test(page.url())),
    'and what is typed is in its address');
}

async function fetch(page, name) {
  const download = page.waitForEvent('download');

  await page.getByRole('link', { name }).click();
  return readFileSync(await (await download).path(), 'utf8')
    .trimEnd().split('\n');
}

async function fetched(page) {
  await page.goto(`${url}/#/logs/postfix?q=number-7`);
  const some = await fetch(page, 'Download all that match');

  ok(some.length === 11 && some.every((line) => line.includes('number-7')),
    'what is found can be fetched');
  await page.goto(`${url}/#/logs/postfix`);
  const all = await fetch(page, 'Download all lines');
  const file = readFileSync(FILE, 'utf8').trimEnd().split('\n');

  is(all.join('\n'), file.slice(-10000).join('\n'),
    'or the last 10,000 lines of the file');
}

async function followed(page, rows) {
  const streaming = page.waitForResponse((response) => response.url()
    .includes('/stream') && response.status() === 200);

  await page.getByRole('switch', { name: 'Follow what comes' }).press('Space');
  await shows(rows.filter({ hasText: 'number-300.example' }),
    'who follows sees what there is');
  await streaming;
  await shows(page.getByText('what comes is shown on top'), 'and is told');
  for (let i = 1; i <= 50; i += 1) {
    write(`postfix/smtpd[7]: connect from live-${i}.example`);
  }
  ok(await until(async () => /live-50\./.test(
    await rows.first().innerText(),
  )), 'new lines come by themselves');
  is(await rows.filter({ hasText: 'live-' }).count(), 50, 'each once');
  const all = await fetch(page, 'Download all lines');

  ok(all[all.length - 1].includes('live-50.') && all.length === 10000,
    'who follows fetches all lines, too');
  await page.getByLabel('Search').fill('live-7.');
  ok(await until(async () => await rows.count() === 1), 'and filters');
  write('postfix/smtpd[7]: connect from other.example');
  write('postfix/smtpd[7]: connect from again-live-7.example');
  ok(await until(async () => await rows.count() === 2), 'what comes');
  await page.getByRole('switch', { name: 'Follow what comes' }).press('Space');
  await page.getByLabel('Search').fill('');
}

/* Back through all that is kept. */
async function toTheEnd(page, rows) {
  const api = await session();
  const { data } = await api('GET', '/logs/postfix?limit=10000');
  const oldest = data.lines[0].text;
  const next = page.getByRole('button', { name: 'Next' });
  let lines = 0;

  await page.goto(`${url}/#/logs/postfix`);
  await until(async () => await rows.count() === PAGE);
  for (let i = 1; i <= 50; i += 1) {
    await shows(page.getByText(`Page ${i}`, { exact: true }), `page ${i}`);
    await until(async () => await rows.count() > 0
      && await page.locator('table[aria-busy]').count() === 0);
    lines += await rows.count();
    if (i < 50) {
      await next.click();
    }
  }
  is(lines, 10000, 'ten thousand lines can be paged through');
  ok((await rows.last().innerText()).includes(oldest), 'to the oldest');
}
