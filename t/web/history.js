/* The history of the settings, and back to an old version. */

'use strict';

const { is, like, ok, run, session, shows, until } = require('./browser.js');

run(async (portal) => {
  const api = await session();
  const change = async (antispam) => api('PATCH', '/settings', {
    json: { antispam }, etag: (await api('GET', '/settings')).etag,
  });

  await change({ reject: 9 });
  await change({ reject: 12, defer: 2 });

  const page = await portal.signedIn('#/history');
  const row = (version) => page.getByRole('row').filter({
    has: page.getByRole('rowheader', { name: String(version), exact: true }),
  });
  const current = Number((await api('GET', '/settings')).etag
    .replace(/\D/g, ''));

  await shows(row(current).getByText('current'),
    'the version in force is marked');
  like(await row(current).innerText(), /Reject from:.*9.*12/s,
    'a version says what was changed');
  like(await row(current).innerText(), /Defer from:.*3.*2/s,
    'every field of it');
  like(await row(current).innerText(), new RegExp(process.env.MP_ADMIN),
    'and who did it');
  is(await row(current).getByRole('button').count(), 0,
    'what is in force is not restored');

  await page.getByRole('button', { name: `Restore version ${current - 1}` })
    .click();
  await shows(page.getByRole('dialog'), 'restoring asks first');
  await page.keyboard.press('Escape');
  ok(await until(async () => await page.getByRole('dialog').count() === 0),
    'Escape closes the question');
  is((await api('GET', '/settings')).data.antispam.reject, 12,
    'and nothing is changed');
  is(await page.evaluate(() => document.activeElement.ariaLabel),
    `Restore version ${current - 1}`, 'the focus is back where it was');

  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByRole('button', { name: 'Restore' })
    .click();
  await shows(page.getByText(`Version ${current - 1} is in force again, as `
    + `version ${current + 1}.`), 'the old version is a new one');
  await shows(row(current + 1).getByText('current'), 'which is in the table');

  const { antispam } = (await api('GET', '/settings')).data;

  is(antispam.reject, 9, 'a field is what it was');
  is(antispam.defer, 3, 'and so is the other');
});
