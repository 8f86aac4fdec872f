/* The newest lines of a log: searched, by severity, followed, fetched. */

'use strict';

const { appendFileSync, readFileSync } = require('node:fs');
const {
  is, ok, isHacked, overflow, run, shows, until, url,
} = require('./browser.js');

const { MP_STACK_DIR: DIR } = process.env;
const FILE = `${DIR}/log/mail.log`;

const write = (text, file = FILE) => appendFileSync(file,
  `${new Date().toISOString().replace('Z', '000+00:00')} mx ${text}\n`);

run(async (portal) => {
  for (let i = 1; i <= 120; i += 1) {
    write(`postfix/smtpd[7]: connect from number-${i}.example`);
  }
  write('postfix/smtpd[7]: warning: <img src=x onerror="window.__x=1">');
  write('dovecot: imap-login: Login: user=<ann>',
    `${DIR}/log/dovecot.log`);

  const page = await portal.signedIn('#/logs/postfix');
  const rows = page.locator('tbody tr');
  const search = page.getByLabel('Search');

  ok(await until(async () => {
    await page.reload();
    await rows.first().waitFor();
    return await rows.filter({ hasText: 'onerror' }).count() === 1;
  }), 'the newest lines are shown');
  is(await isHacked(page), false, 'as text');
  is(await rows.count(), 100, 'so many on a page');
  ok((await rows.first().innerText()).includes('onerror'), 'newest first');
  await page.getByRole('button', { name: 'Next' }).click();
  await shows(rows.filter({ hasText: 'number-5.example' }), 'then older ones');
  await search.fill('number-77.');
  ok(await until(async () => await rows.count() === 1),
    'one is found by a part of it');

  const download = page.waitForEvent('download');

  await page.getByRole('link', { name: 'Download' }).click();
  const text = readFileSync(await (await download).path(), 'utf8');

  ok(/number-77\.example/.test(text) && !/number-78/.test(text),
    'what is found can be fetched');
  await search.fill('');
  await page.getByLabel('From').selectOption('warning');
  ok(await until(async () => await rows.count() === 1),
    'warnings can be seen alone');
  await page.getByLabel('From').selectOption('');
  ok(await until(async () => await rows.count() === 100), 'or all again');
  const streaming = page.waitForResponse((response) => response.url()
    .includes('/stream') && response.status() === 200);

  await page.getByRole('switch', { name: 'Follow what comes' }).press('Space');
  await streaming;
  write('postfix/smtpd[7]: connect from live.example');
  await shows(rows.filter({ hasText: 'live.example' }),
    'a new line comes by itself');
  await page.goto(`${url}/#/logs/dovecot`);
  await shows(rows.filter({ hasText: 'user=<ann>' }), 'Dovecot has its own');
  await page.setViewportSize({ width: 320, height: 640 });
  is(await overflow(page), 0, 'nothing to scroll sideways on a small screen');
});
