/* Every page: accessible, in dark and light, on a narrow screen. */

'use strict';

const { readFileSync } = require('node:fs');
const {
  is, ok, overflow, run, session, shows, until,
} = require('./browser.js');
const { plant } = require('./plant.js');

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const PAGES = [
  'thresholds', 'lists/blacklist', 'lists/whitelist', 'lists/blacklist/paste',
  'explain?sender=x%40spam.example&score=4', 'nodes', 'history', 'actions',
  'settings/clearing', 'settings/imap-master', 'settings/relayhost',
  'settings/system-mailer', 'audit', 'usage', 'backups', 'about',
  'logs/postfix', 'trace', 'trace?q=nothing-like-it',
];

run(async (portal) => {
  const api = await session();

  await api('PUT', '/lists/blacklist/entries/spam.example', {
    json: { comment: 'nobody asked for it' },
  });
  const long = `${'a-long-name.'.repeat(12)}example`;

  await api('PUT', `/lists/blacklist/entries/${long}`, {
    json: { comment: 'w'.repeat(200) },
  });
  await api('PATCH', '/settings', {
    json: { antispam: { reject: 9.5 } },
    etag: (await api('GET', '/settings')).etag,
  });

  PAGES.push(...jobs());
  await everyPage(portal, 'light', { colorScheme: 'light' });
  await everyPage(portal, 'dark', { colorScheme: 'dark' });
  await everyPage(portal, '320 px', { viewport: { width: 320, height: 640 } });
  await light(portal);
  await theme(portal);
  await narrowMenu(portal);
  await still(portal);
  await inOrder(portal);
});

/* One that goes on, and a dry run that has ended. */
function jobs() {
  const long = `${'a-long-name-'.repeat(5)}@${'x'.repeat(60)}.example`;
  const going = plant({ target: long }, {
    mx1: {
      state: 'running', total: 200, done: 80, failed: 2, skipped: 3, eta: 40,
      drifted: 1, bytes_before: 4000, bytes_after: 3 << 20, ended_at: null,
      errors: [
        { target: long, text: 'Invalid quota rule' },
        { target: 'b@example.com', text: 'x'.repeat(199) },
      ],
      details: [{ target: long, before: 4000, after: 3 << 20 }],
    },
    mx2: 'queued',
  });
  const ended = plant({
    action: 'clear-folders', dry_run: true, junk_days: 30,
  }, {
    mx1: {
      folders: 1, messages: 1, bytes: 1 << 20,
      details: [{
        target: long, folder: 'Junk', uid: 17, bytes: 1 << 20,
        saved_at: '2026-01-02T12:00:00Z',
      }],
    },
  });

  return [`jobs/${going}`, `jobs/${ended}`];
}

async function everyPage(portal, name, options) {
  const start = await portal.open('', options);

  await start.getByLabel('Password').waitFor();
  await check(start, `sign-in, ${name}`);
  await start.context().close();

  const page = await portal.signedIn('#/thresholds', options);

  for (const place of PAGES) {
    await page.goto(page.url().replace(/#.*/, `#/${place}`));
    await page.locator('h1').waitFor();
    // a table that is read anew is pale
    await until(async () => await page.locator('.loading, [aria-busy="true"]')
      .count() === 0);
    await check(page, `${place.replace(/\?.*/, '')}, ${name}`);
  }
  await page.context().close();
}

/* What is found while something is read anew, and pale, is gone with it. */
async function check(page, name) {
  let found = null;

  await page.evaluate(AXE);
  await until(async () => {
    found = await faults(page);
    return found.length === 0;
  });
  is(found.join('\n'), '', `${name}: no serious finding of axe`);
  is(await overflow(page), 0, `${name}: nothing to scroll sideways`);
}

const faults = (page) => page.evaluate(async () => {
  const { violations } = await window.axe.run(document, {
    resultTypes: ['violations'],
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.target).join(' ')}`);
});

/* What the first page costs on a slow line, compressed. */
async function light(portal) {
  const page = await portal.open('');

  await page.getByLabel('Password').waitFor();
  const bytes = await page.evaluate(() => performance.getEntries()
    .reduce((sum, entry) => sum + (entry.encodedBodySize || 0), 0));

  ok(bytes > 5000 && bytes < 30 * 1024,
    `the first page takes less than 30 KiB (${bytes} bytes)`);
  await page.context().close();
}

async function theme(portal) {
  const page = await portal.signedIn('#/thresholds', { colorScheme: 'light' });
  const ground = () => page.evaluate(
    () => getComputedStyle(document.body).backgroundColor,
  );
  const light = await ground();

  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await ground();

  ok(light !== dark, 'the theme follows the system');
  await page.getByRole('radio', { name: 'Light' }).check({ force: true });
  is(await ground(), light, 'unless one is chosen');
  await page.reload();
  await page.locator('.menu').waitFor();
  is(await ground(), light, 'which is remembered');
  await page.getByRole('radio', { name: 'Auto' }).check({ force: true });
  is(await ground(), dark, 'and can be left to the system again');
}

async function narrowMenu(portal) {
  const page = await portal.signedIn('#/thresholds', {
    viewport: { width: 320, height: 640 },
  });
  const button = page.getByRole('button', { name: 'Menu' });

  is(await page.getByRole('link', { name: 'History' }).isVisible(), false,
    'on a narrow screen the menu is closed');
  await button.click();
  is(await button.getAttribute('aria-expanded'), 'true', 'a button opens it');
  await page.getByRole('link', { name: 'History' }).click();
  await shows(page.getByRole('heading', { name: 'History' }),
    'a page is chosen');
  is(await page.getByRole('link', { name: 'Nodes' }).isVisible(), false,
    'and it closes');
}

/* What has been painted does not move. */
async function still(portal) {
  const page = await portal.signedIn('#/thresholds');
  const shift = await page.evaluate(() => new Promise((resolve) => {
    let sum = 0;

    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        sum += entry.hadRecentInput ? 0 : entry.value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
  }));

  ok(shift < 0.1, `the layout does not shift while it loads (${shift})`);
}

/* What is loaded later takes its place, and not one before what was there. */
async function inOrder(portal) {
  const page = await portal.signedIn('#/settings/clearing');

  for (const group of ['relayhost', 'system-mailer', 'clearing']) {
    await page.goto(page.url().replace(/#.*/, `#/settings/${group}`));
    await shows(page.getByRole('heading', { name: 'At the servers' }),
      `settings of ${group}`);
    const order = await page.evaluate(() => [
      ...document.querySelectorAll('.after-tabs, form.card, #state'),
    ].map((element) => element.id || element.className).join());

    is(order, 'after-tabs,card,state', 'stand in their order');
  }
}
