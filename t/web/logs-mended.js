/* The file is there again. */

'use strict';

const { ok, run, until } = require('./browser.js');

run(async (portal) => {
  const page = await portal.signedIn('#/logs/postfix');

  ok(await until(async () => {
    await page.reload();
    await page.locator('tbody tr').first().waitFor();
    return await page.getByText('does not answer').count() === 1
      && await page.getByText('A log is not read at').count() === 0;
  }), 'what was said of it goes by itself');
});
