/* The thresholds: the order rule, saving, and two people at once. */

'use strict';

const {
  is, like, more, ok, run, session, shows, until,
} = require('./browser.js');

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/thresholds');
  const field = (name) => page.getByRole('textbox', { name });
  const save = page.getByRole('button', { name: 'Save' });

  await shows(field('Reject from'), 'the form is drawn from the schema');
  is(await field('Reject from').inputValue(), '10', 'with the value in force');
  is(await field('Defer from').getAttribute('aria-invalid'), null,
    'nothing is wrong at first');
  is(await save.getAttribute('aria-disabled'), 'true',
    'there is nothing to save at first');
  await explained(page);

  await typing(page, field, save, api);
  await saving(page, field, save, api);
  await off(page, field, save, api);
  await conflict(page, field, save, api);
});

async function explained(page) {
  const rows = await page.locator('.legend li').allInnerTexts();

  is(rows.length, 4, 'the picture has four outcomes');
  like(rows[0], /Below 3\s+Delivered/, 'below the lowest level: delivered');
  like(rows[1], /3 up to 4\s+Deferred once/, 'then deferred');
  like(rows[2], /4 up to 10\s+Delivered into Junk/, 'then Junk');
  like(rows[3], /10 and more\s+Refused with 550/, 'then refused');
  await shows(page.getByText('Defer from < Junk from < Reject from'),
    'the order rule is explained');
}

async function typing(page, field, save, api) {
  const version = (await api('GET', '/settings')).etag;

  await field('Junk from').fill('2.5');
  await shows(page.getByText('“Defer from” must be below “Junk from”.'),
    'a broken order is told while typing');
  is(await field('Defer from').getAttribute('aria-invalid'), 'true',
    'at the lower of the two fields');
  await shows(page.getByText('Must be below “Junk from”, which is 2.5.'),
    'with the number that it must be below');

  await save.click();
  is((await api('GET', '/settings')).etag, version,
    'a broken order is not sent');

  for (const [text, says] of [
    ['', 'Enter a score, or switch this level off.'],
    ['ten', 'Enter a number with at most two decimals.'],
    ['1.234', 'Enter a number with at most two decimals.'],
    ['1000', 'Enter a number from 0 to 999.'],
    ['-1', 'Enter a number from 0 to 999.'],
  ]) {
    await field('Junk from').fill(text);
    await shows(page.getByText(says), `"${text}" is told to be wrong`);
  }

  await page.getByRole('button', { name: 'Discard changes' }).click();
  is(await field('Junk from').inputValue(), '4', 'changes can be discarded');
}

async function saving(page, field, save, api) {
  const before = Number(
    (await api('GET', '/settings')).etag.replace(/\D/g, ''),
  );

  await field('Defer from').fill('2,5');
  await field('Reject from').fill('9');
  like((await page.locator('.legend li').allInnerTexts())[3], /9 and more/,
    'the picture follows what is typed');
  await field('Reject from').press('Enter');

  await shows(page.getByText(`Saved as version ${before + 1}.`),
    'saving tells the version');
  await shows(page.locator('.in-force').getByText(/in force after (less than )?\d/),
    'and when it is in force at each node');
  ok(await until(async () => await page.locator('.in-force .badge')
    .filter({ hasNotText: 'in force' }).count() === 0),
    'it is soon in force at every node');

  const { antispam } = (await api('GET', '/settings')).data;

  is(antispam.defer, 2.5, 'a comma is a decimal point');
  is(antispam.reject, 9, 'the other field is saved with it');
  is(antispam.add_header, 4, 'what was not touched is as it was');
}

async function off(page, field, save, api) {
  await page.getByRole('switch', { name: 'Defer from: on' })
    .press('Space');
  is(await field('Defer from').isDisabled(), true,
    'a level that is off takes no number');
  is(await page.locator('.legend li').count(), 3,
    'the picture leaves it out');
  await field('Junk from').fill('1');
  await save.click();
  await shows(page.getByText(/^Saved as version/),
    'a level that is off does not count in the order');
  is((await api('GET', '/settings')).data.antispam.defer, 999, 'off is 999');

  await page.getByRole('switch', { name: 'Defer from: on' }).press('Space');
  is(await field('Defer from').inputValue(), '3',
    'switched on it begins with the default');
  await page.getByRole('button', { name: 'Discard changes' }).click();
}

async function conflict(page, field, save, api) {
  const colleague = await session(more('colleague'));
  const { etag } = await api('GET', '/settings');

  await field('Reject from').fill('8');
  await colleague('PATCH', '/settings', {
    json: { antispam: { add_header: 5 } }, etag,
  });
  await save.click();

  const says = page.getByRole('alert');

  await shows(says.getByText('Somebody else saved while you were editing.'),
    'a conflict is told');
  like(await says.innerText(), /colleague/, 'with who it was');
  like(await says.innerText(), /Junk from:.*1.*5/s, 'and what was changed');
  is((await api('GET', '/settings')).data.antispam.reject, 9,
    'nothing was overwritten');

  await page.getByRole('button', { name: 'keep my changes' }).click();
  is(await field('Junk from').inputValue(), '5', 'their value is loaded');
  is(await field('Reject from').inputValue(), '8', 'mine is kept to look at');
  await save.click();
  await shows(page.getByText(/^Saved as version/), 'and can be saved then');

  await colleague('PATCH', '/settings', {
    json: { antispam: { add_header: 6 } },
    etag: (await api('GET', '/settings')).etag,
  });
  await field('Reject from').fill('7');
  await save.click();
  await page.getByRole('button', { name: 'drop my changes' }).click();
  is(await field('Reject from').inputValue(), '8',
    'or one takes what is there and drops the own');
}
