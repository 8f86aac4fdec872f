/* The portal without a mouse. */

'use strict';

const {
  admin, is, ok, run, session, shows, until,
} = require('./browser.js');

run(async (portal) => {
  const api = await session();
  const page = await portal.open('#/thresholds');
  const { keyboard } = page;
  const focused = () => page.evaluate(() => {
    const { activeElement: e } = document;
    return e.ariaLabel || e.innerText || e.placeholder || e.tagName;
  });
  const tabTo = async (name) => {
    for (let i = 0; i < 60; i += 1) {
      await keyboard.press('Tab');
      if (name.test(await focused())) {
        return true;
      }
    }
    return false;
  };

  await page.getByLabel('Password').waitFor();
  await keyboard.type(admin.username);
  await keyboard.press('Tab');
  await keyboard.type(admin.password);
  await keyboard.press('Enter');
  await shows(page.locator('.menu'), 'one signs in by the keyboard');

  await page.locator('.fields').waitFor();
  await page.reload();
  await page.locator('.fields').waitFor();
  await keyboard.press('Tab');
  is(await focused(), 'Skip to the content', 'the first stop is a skip link');
  ok(await ringed(page), 'the focus is seen');
  await keyboard.press('Enter');
  is(await page.evaluate(() => document.activeElement.id), 'main',
    'it leads to the content');

  await keyboard.press('Tab');
  is(await page.evaluate(() => document.activeElement.value), '3',
    'where the first field is next');
  ok(await ringed(page), 'and its focus is seen');
  await keyboard.press('Control+A');
  await keyboard.type('2');
  await keyboard.press('Enter');
  await shows(page.getByText(/^Saved as version/), 'Enter saves');

  await api('POST', '/lists/blacklist/import', {
    text: 'a.example\nb.example\nc.example\n',
  });
  await page.evaluate(() => scrollTo(0, 0));
  ok(await tabTo(/^(Lists|Skip)/), 'Tab goes round');
  await page.getByRole('link', { name: 'Lists' }).focus();
  await keyboard.press('Enter');
  await shows(page.getByRole('heading', { name: 'Lists' }),
    'the menu is opened by Enter');
  await page.locator('tbody tr').first().waitFor();
  ok(await until(async () => await focused() === 'Lists'),
    'the focus is on the heading of the new page');

  ok(await tabTo(/^Remove/), 'Tab reaches the rows');
  const first = await focused();

  await keyboard.press('ArrowDown');
  const second = await focused();

  ok(/^Remove/.test(second) && second !== first,
    'an arrow goes to the next row');
  await keyboard.press('ArrowUp');
  is(await focused(), first, 'and back');
  await keyboard.press('Enter');
  await shows(page.getByText('Removed'), 'Enter removes');
  ok(/^Remove/.test(await focused()), 'the focus stays in the table');
  ok(await tabTo(/^Undo/), 'Tab reaches Undo');
  await keyboard.press('Enter');
  await shows(page.getByText('is back.'), 'Enter undoes');
  await actions(page, keyboard, focused, tabTo);
});

/* A job is chosen, started, cancelled and looked at. */
async function actions(page, keyboard, focused, tabTo) {
  const dialog = page.getByRole('dialog');
  const job = page.getByRole('article', {
    name: 'Recalculate quota: example.com',
  });

  await page.getByRole('link', { name: 'Actions' }).focus();
  await keyboard.press('Enter');
  ok(await until(async () => await focused() === 'Actions'),
    'the menu leads to the actions');
  await keyboard.press('Tab');
  ok(await tabTo(/^All mailboxes/), 'Tab reaches the scope');
  await keyboard.press('End');
  await keyboard.press('Tab');
  await keyboard.type('example.com');
  await keyboard.press('Enter');
  await shows(job, 'Enter starts a job');
  ok(await tabTo(/^example\.com/), 'Tab reaches it');
  ok(await tabTo(/^Cancel job/), 'and its button');
  await keyboard.press('Enter');
  await shows(dialog, 'Enter asks');
  ok(await ringed(page), 'and the focus is seen');
  await keyboard.press('Escape');
  ok(await until(async () => await dialog.count() === 0), 'Escape goes back');
  ok(/^Cancel job/.test(await focused()), 'to the button');
  await keyboard.press('Enter');
  await shows(dialog, 'which asks again');
  ok(/^Cancel the job/.test(await focused()) || await tabTo(/^Cancel the job/),
    'Tab reaches the answer');
  await keyboard.press('Enter');
  await shows(job.getByText(/^Cancelled by/), 'Enter cancels the job');
  ok(await until(async () => await focused() === 'example.com'),
    'and the focus stays at the job');
}

/* Is there an outline around what has the focus? */
function ringed(page) {
  return page.evaluate(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(
      document.activeElement,
    );
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  });
}
