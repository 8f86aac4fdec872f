/* What runs, in which version. */

'use strict';

const {
  is, like, ok, overflow, redis, run, session, shows, stack, until,
} = require('./browser.js');

const { MP_NODE: NODE, MP_SHOTS: SHOTS } = process.env;

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/about');
  const row = (name) => page.getByRole('row').filter({ hasText: name });

  await page.getByRole('table').waitFor();
  await shows(page.getByText('BSD 2-Clause License'), 'the license is named');
  is(await page.locator('main').locator('h1, h2').allInnerTexts()
    .then((all) => all.join()), 'About,Components,License',
  'after what runs');
  for (const name of ['agent', 'milter', 'nginx']) {
    await shows(row(name).filter({ hasText: NODE }), `there is the ${name}`);
  }
  const { api: version, components } = (await api('GET', '/about')).data;
  const { build } = components.find(({ component }) => component === 'agent');

  like(await page.getByRole('region', { name: 'Portal' }).innerText(),
    new RegExp(`API\\s+${version.replaceAll('.', '\\.')}`),
    'with the version of the API');
  ok(build !== '' && (await row('agent').innerText()).includes(build),
    'and of the agent');
  is(await page.getByText('not that of the API').count(), 0,
    'all of one version');

  const hb = JSON.parse(redis('GET', `mp:{hb}:milter:${NODE}`));

  redis('SET', 'mp:{hb}:milter:old', JSON.stringify({
    ...hb, node: 'old', version: '0.0.1', build: '0.0.1',
  }), 'EX', '60');
  redis('HSET', 'mp:{hb}:index', 'milter:old',
    String(Math.floor(Date.now() / 1000)));
  await shows(row('old').getByText('not that of the API'),
    'another version is told');

  for (const [name, options] of Object.entries({
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    narrow: { viewport: { width: 320, height: 900 } },
  })) {
    const other = await portal.signedIn('#/about', options);

    await other.getByRole('row').nth(1).waitFor();
    is(await overflow(other), 0, `${name}: nothing to scroll sideways`);
    if (SHOTS) {
      await other.screenshot({ path: `${SHOTS}/about-${name}.png`,
        fullPage: true });
    }
    await other.context().close();
  }
  stack('stop', 'redis');
  ok(await until(async () => await page.getByText(
    'Redis does not answer',
  ).count() > 0), 'without Redis the page says that it is not known');
});
