/* The relayhost is taken away again. */

'use strict';

const { run, shows } = require('./browser.js');

run(async (portal) => {
  const page = await portal.signedIn('#/settings/relayhost');

  await page.getByLabel('Server', { exact: true }).fill('');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await shows(page.getByText('Outgoing mail goes directly'),
    'without a server, mail goes directly');
  await shows(page.getByRole('region', { name: 'At the servers' })
    .locator('.badge').filter({ hasText: 'in force after' }),
  'which is in force at the agent');
});
