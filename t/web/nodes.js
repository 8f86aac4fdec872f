/* The versions in force, and what is wrong, at each node. */

'use strict';

const {
  is, like, ok, redis, run, session, shows, until,
} = require('./browser.js');

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/nodes');
  const row = (name) => page.locator('tbody tr').filter({ hasText: name });

  await shows(row('nginx'), 'nginx is there');
  ok(await until(async () => await row('milter').count() === 1),
    'and the milter');
  await shows(page.getByText(/^Version \d+ is in force everywhere\.$/),
    'that all is well is told in words');

  const version = Number((await api('GET', '/settings')).etag
    .replace(/\D/g, ''));

  await api('PATCH', '/settings', {
    json: { antispam: { reject: 11 } }, etag: `"${version}"`,
  });
  await shows(page.getByText(`Version ${version + 1} is in force everywhere.`),
    'a change shows by itself');
  like(await row('milter').innerText(), new RegExp(`\\b${version + 1}\\b`),
    'with the version at the milter');

  sick();
  await shows(page.getByText('1 node has a problem.'),
    'a node with a problem is counted');
  await shows(row('mx9').getByText('stale'), 'it is marked as stale');
  await shows(row('mx9').getByText('Redis does not answer'),
    'with its problem in words');
  await shows(row('mx9').getByText('behind'), 'and as behind');
  await shows(row('mx9').getByText('2 h ago'), 'and when it was last seen');

  const header = page.getByRole('columnheader', { name: 'Settings' });

  await header.getByRole('button').click();
  is(await header.getAttribute('aria-sort'), 'ascending',
    'a header sorts its column');
  like(await page.locator('tbody tr').first().innerText(), /mx9/,
    'the lowest first');
  await header.getByRole('button').press('Enter');
  like(await page.locator('tbody tr').last().innerText(), /mx9/,
    'then the highest first');

  redis('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
  await shows(page.getByText('The portal itself has a problem.'),
    'a problem of no node is told, too');
  await shows(page.getByText(/set "maxmemory-policy noeviction"/),
    'with what to do');
  redis('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  await shows(page.getByText('1 node has a problem.'),
    'until it is over');
});

/* The heartbeat of a node that is in trouble. */
function sick() {
  const hb = JSON.stringify({
    component: 'milter', node: 'mx9', version: '0.0.1', pid: 1, settings: 1,
    lists: '1-0', whitelist: 0, blacklist: 0, lag_ms: 5, stale: true,
    problems: ['Redis does not answer'],
  });

  redis('SET', 'mp:{hb}:milter:mx9', hb, 'EX', '60');
  redis('HSET', 'mp:{hb}:index', 'milter:mx9', String(
    Math.floor(Date.now() / 1000) - 7200,
  ));
}
