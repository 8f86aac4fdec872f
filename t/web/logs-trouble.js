/* A log that is not there, and a node that does not answer. */

'use strict';

const { is, overflow, run, shows } = require('./browser.js');

run(async (portal) => {
  const page = await portal.signedIn('#/logs/postfix');

  await shows(page.getByText('A log is not read at'), 'a lost file is told');
  await shows(page.getByText(/mail\.log: No such file/), 'which, and why');
  await shows(page.getByText('connect from'), 'older lines are shown');
  await shows(page.getByText('The agent at mx2 does not answer.'),
    'so is an agent that has gone');
  await page.setViewportSize({ width: 320, height: 640 });
  is(await overflow(page), 0, 'nothing to scroll sideways on a small screen');

  await page.goto(page.url().replace('postfix', 'dovecot'));
  await shows(page.getByText('The agent at mx2 does not answer.'),
    'Dovecot’s log');
  is(await page.getByText('A log is not read at').count(), 0,
    'has no trouble of Postfix’s');
});
