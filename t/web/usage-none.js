/* The page of usage before any agent has reported. */

'use strict';

const { redis, run, shows } = require('./browser.js');

run(async (portal) => {
  redis('DEL', 'mp:{hb}:index');
  const page = await portal.signedIn('#/usage');

  await shows(page.getByText('No agent has reported yet.'),
    'without an agent that is said');
});
