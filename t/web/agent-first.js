/* The agent's actions where there is nothing for them to do. */

'use strict';

const { is, run, shows } = require('./browser.js');

run(async (portal) => {
  const page = await portal.signedIn('#/actions');
  const where = page.getByRole('region', { name: 'Back up Radicale' });

  await where.getByRole('button', { name: 'Back up now' }).click();
  await shows(where.getByText(/^It failed: .*nothing to back up/),
    'where there is nothing, a backup fails and says so');

  const cache = page.getByRole('region', {
    name: 'Clear the address verification cache',
  });

  await cache.getByRole('button', { name: 'See what would go' }).click();
  await shows(cache.getByText('The cache is empty: nothing to clear.'),
    'an empty cache is told');
  is(await cache.getByRole('button', { name: 'Clear now' }).count(), 0,
    'and is not offered to be cleared');
});
