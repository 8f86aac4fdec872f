/* The message that waited has come to its end. */

'use strict';

const { ok, run, shows } = require('./browser.js');

run(async (portal) => {
  const page = await portal.signedIn('#/trace?q=wait%40six.example');
  const row = page.locator('.message');

  await shows(row.filter({ hasText: 'Delivered' }), 'it is delivered now');
  await row.locator('summary').first().click();
  await shows(row.getByText('Put into Inbox'), 'its story goes on');
  const lines = row.getByText(/\d+ log lines/);

  await lines.click();
  ok(/status=deferred[^]*status=sent/.test(
    await row.locator('.story-lines').innerText(),
  ), 'with what was before');
});
