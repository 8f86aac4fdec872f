/* Before there is a message. */

'use strict';

const { run, shows } = require('./browser.js');

run(async (portal) => {
  const page = await portal.signedIn('#/trace');

  await shows(page.getByText('No message so far.'), 'an empty trace says so');
});
