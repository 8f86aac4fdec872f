/* Redis goes away and comes back under an open page. */

'use strict';

const {
  is, like, ok, run, session, shows, stack, until,
} = require('./browser.js');

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/thresholds');
  const reject = page.getByRole('textbox', { name: 'Reject from' });
  const banner = page.locator('.banner');

  await reject.waitFor();
  stack('stop', 'redis');

  /* what was on its way when Redis went was refused, which is said for longer */
  await page.getByRole('link', { name: 'Nodes' }).click();
  await shows(banner.getByText(/^Showing what was last|^Redis does not answer/),
    'without Redis an open page says so');
  await page.reload();
  await shows(banner.getByText('Showing what was last known.'),
    'and one that is opened, that it shows what was last known');
  await shows(page.getByRole('row').filter({ hasText: 'nginx' }),
    'and shows it');
  await page.getByRole('link', { name: 'Thresholds' }).click();
  await reject.waitFor();

  await reject.fill('9');
  await reject.press('Enter');

  await shows(banner.getByText('Redis does not answer.'),
    'a write that cannot be done says that Redis is away');
  like(await banner.innerText(), /Mail goes on/, 'and that mail goes on');
  is(await page.getByText(/^Saved as version/).count(), 0,
    'nothing claims to be saved');
  is(await reject.inputValue(), '9', 'what was typed stays');
  await shows(page.getByRole('button', { name: 'Try again now' }),
    'it offers to try again');

  stack('start', 'redis');
  ok(await until(async () => {
    const again = page.getByRole('button', { name: 'Try again now' });

    if (await again.count() > 0) {
      await again.click({ timeout: 1000 }).catch(() => {});
    }
    return await banner.count() === 0;
  }), 'the banner goes when Redis is back');
  is(await reject.inputValue(), '9', 'what was typed is still there');

  await reject.press('Enter');
  await shows(page.getByText(/^Saved as version/), 'and can be saved now');
  ok(await until(async () => {
    const { data } = await api('GET', '/settings');

    return data.antispam && data.antispam.reject === 9;
  }), 'it is saved');
});
