/* Without an agent there are no lines, and the page says why. */

'use strict';

const { run, shows } = require('./browser.js');

run(async (portal) => {
  const page = await portal.signedIn('#/logs/postfix');

  await shows(page.getByText('No agent has reported.'),
    'without an agent, that is said');
  await shows(page.getByText('Install and start it there'),
    'with what to do');
  await page.goto(page.url().replace('logs/postfix', 'trace'));
  await shows(page.getByText('No agent has reported.'),
    'on the page of the trace, too');
});
