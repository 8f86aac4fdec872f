/* The lists: add, remove, undo, search, page through, paste, export. */

'use strict';

const {
  is, like, ok, run, session, shows, until,
} = require('./browser.js');

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/lists/blacklist');

  await shows(page.getByText('No domain is blocked.'),
    'an empty list says what to do');
  await adding(page, api);
  await refusing(page, api);
  await removing(page, api);
  await otherList(page, api);
  await paste(page, api);
  await paging(page, api);
  await failing(portal);
});

const domain = (page) => page.getByLabel('Domain', { exact: true });
const row = (page, name) => page.getByRole('row').filter({ hasText: name });
const names = async (api, list = 'blacklist') => (
  (await api('GET', `/lists/${list}?limit=1000`)).data.entries
    .map(({ entry }) => entry).sort().join(' ')
);

async function adding(page, api) {
  await domain(page).fill('Spam.Example.');
  await page.getByLabel('Comment').fill('nobody asked for it');
  await page.getByLabel('Expires').selectOption('7');
  await page.getByRole('button', { name: 'Block' }).click();

  await shows(row(page, 'spam.example'), 'what was added is in the table');
  await shows(page.getByText('Added spam.example.'),
    'with the one form of its name');
  await shows(row(page, 'nobody asked for it'), 'with its comment');

  const { entries } = (await api('GET', '/lists/blacklist')).data;
  const days = (new Date(entries[0].expires) - Date.now()) / 86400000;

  ok(days > 6.9 && days <= 7.01, 'it expires in a week');
  like(await row(page, 'spam.example').innerText(), /by \w+/,
    'the table says who added it');
  await shows(page.locator('.in-force').getByText(/in force after (less than )?\d/),
    'the page says when it is in force at each node');
  is(await page.evaluate(() => document.activeElement.placeholder),
    'spam.example', 'the next one can be typed at once');
}

async function refusing(page, api) {
  const before = await names(api);

  for (const wrong of ['co..uk', '192.0.2.1', 'x'.repeat(300)]) {
    await domain(page).fill(wrong);
    await page.keyboard.press('Enter');
    await shows(page.locator('.add .error'),
      `${wrong.slice(0, 20)} is refused at its field`);
    is(await domain(page).inputValue(), wrong, 'and stays to be corrected');
    await domain(page).fill('');
  }
  is(await names(api), before, 'nothing of it was added');
}

async function removing(page, api) {
  await page.getByRole('button', { name: 'Remove spam.example' }).click();
  await shows(page.getByText('Removed spam.example.'), 'removing is told');
  await shows(page.getByText('No domain is blocked.'), 'the row is gone');
  is(await names(api), '', 'and so is the entry');

  await page.getByRole('button', { name: 'Undo' }).click();
  await shows(row(page, 'nobody asked for it'),
    'undo brings it back with its comment');

  const { entries } = (await api('GET', '/lists/blacklist')).data;

  ok(entries[0].expires, 'and with the day it expires');
}

async function otherList(page, api) {
  await page.getByRole('link', { name: 'Whitelist' }).click();
  await shows(page.getByText('No domain is whitelisted.'),
    'the whitelist is another list');
  await domain(page).fill('spam.example');
  await page.getByRole('button', { name: 'Allow' }).click();
  await shows(page.getByRole('button', { name: 'Move it from the blacklist' }),
    'an entry of the other list can be moved');
  is(await names(api, 'whitelist'), '', 'but is not moved unasked');

  await page.getByRole('button', { name: 'Move it' }).click();
  await shows(row(page, 'spam.example'), 'then it is here');
  is(await names(api), '', 'and there no more');
}

async function paste(page, api) {
  await page.getByRole('link', { name: 'Blacklist' }).click();
  await page.getByRole('link', { name: 'Paste many' }).click();
  await page.getByLabel('Domains').fill([
    '# from the old server', 'one.example', 'two.example', '', 'co..uk',
    'one.example', '192.0.2.7',
  ].join('\n'));
  await page.getByRole('button', { name: 'Add all' }).click();

  await shows(page.getByText('2 domains added.'), 'the report counts');
  await shows(row(page, 'co..uk'), 'a refused line is shown');
  like(await row(page, 'co..uk').innerText(), /^5\s/, 'with its number');
  await shows(row(page, '192.0.2.7'), 'and so is the other');
  is(await names(api), 'one.example two.example', 'the good ones are there');

  await page.getByRole('button', { name: 'Put them back' }).click();
  is(await page.getByLabel('Domains').inputValue(), 'co..uk\n192.0.2.7',
    'refused lines can be corrected and sent again');
}

async function paging(page, api) {
  const lines = Array.from({ length: 160 }, (_, i) => `bulk${i}.example`);

  await api('POST', '/lists/blacklist/import', { text: lines.join('\n') });
  await page.goto(page.url().replace(/#.*/, '#/lists/blacklist'));
  await shows(page.getByText('162 entries'), 'the table counts all entries');

  const seen = new Set();
  const next = page.getByRole('button', { name: 'Next' });

  for (let turn = 0; turn < 50; turn += 1) {
    const shown = page.locator('tbody th');

    (await shown.allInnerTexts()).forEach((name) => seen.add(name.trim()));
    if (await next.count() === 0 || await next.isDisabled()) {
      break;
    }
    await next.click();
    await page.getByText(`Page ${turn + 2}`).waitFor();
    await until(async () => await page.locator('table[aria-busy]')
      .count() === 0);
  }
  is(seen.size, 162, 'paging shows every entry');
  await page.getByRole('button', { name: 'Previous' }).click();
  ok(await page.locator('tbody tr').count() > 0, 'and goes back');

  await page.getByLabel('Search').fill('bulk15');
  ok(await until(async () => await page.locator('tbody tr').count() === 11),
    'the search finds parts of names');
  like(page.url(), /q=bulk15/, 'the search is in the address');
  await page.reload();
  is(await page.getByLabel('Search').inputValue(), 'bulk15',
    'and outlives a reload');
  await page.getByLabel('Search').fill('nothing-like-that');
  await shows(page.getByText('No entry has “nothing-like-that” in it.'),
    'a search without a match says so');

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Export' }).click(),
  ]);
  const { readFileSync } = require('node:fs');
  const text = readFileSync(await download.path(), 'utf8');

  is(text.trim().split('\n').length, 162, 'the export has every entry');
}

/* An answer that no version of the API gives. */
async function failing(portal) {
  const page = await portal.signedIn('#/nodes');

  page.provoking = true;
  await page.route('**/lists/whitelist*', (route) => route.fulfill({
    json: { entries: 7 },
  }));
  await page.evaluate(() => { location.hash = '#/lists/whitelist'; });
  await shows(page.getByText('The page has failed.'),
    'a page that fails says so');
  await page.getByRole('link', { name: 'Nodes' }).click();
  await shows(page.getByRole('heading', { name: 'In force at each node' }),
    'and leaves the others alone');
}
