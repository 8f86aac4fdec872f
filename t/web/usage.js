/* Load, memory and disks: curves, bars, the numbers, a server that is gone. */

'use strict';

const {
  is, like, ok, overflow, run, session, shows, until,
} = require('./browser.js');

const { MP_NODE: NODE, MP_SHOTS: SHOTS } = process.env;

run(async (portal) => {
  const api = await session();
  const page = await portal.signedIn('#/usage?hours=1');

  await curves(page);
  await live(page);
  await disks(page, api);
  await gone(page);
  await table(page, api);
  await gap(page);
  await ranges(page);
  await themes(portal);
});

const region = (page, name) => page.getByRole('region', { name, exact: true });
const here = (page) => region(page, NODE);
const curve = (where, name) => where.getByRole('img', {
  name: new RegExp(`^${name}\\.`),
});
const lines = (page) => page.locator('canvas');

async function curves(page) {
  await shows(here(page), 'there is this server');
  for (const name of ['Load', 'Memory', 'Disks']) {
    await shows(curve(here(page), name).locator('canvas'),
      `there is a curve: ${name}`);
  }
  like(await curve(here(page), 'Load').getAttribute('aria-label'),
    /^Load\. 1 minute: [\d.]+ now, at most [\d.]+; 5 minutes: /,
    'what it shows is said in words');

  const dashes = await here(page).locator('.curve-legend').first()
    .locator('line').evaluateAll((all) => all.map(
      (line) => line.getAttribute('stroke-dasharray'),
    ));

  is(new Set(dashes).size, 3, 'each line has a dash of its own');
  ok(await isDrawn(page, 0), 'something is drawn');
}

/* Is there a pixel in the canvas? */
const isDrawn = (page, n) => lines(page).nth(n).evaluate((canvas) => {
  const { data } = canvas.getContext('2d')
    .getImageData(0, 0, canvas.width, canvas.height);

  return data.some((byte) => byte > 0);
});

/* It is asked again by itself. */
async function live(page) {
  await page.waitForResponse((response) => response.url()
    .includes('/usage?hours=1'));
  ok(true, 'new samples come by themselves');

  const where = curve(here(page), 'Load');
  const label = here(page).locator('figcaption').first();
  const box = await where.boundingBox();

  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  ok(await until(async () => !/now$/.test(await label.innerText())),
    'the moment under the pointer is read');
  await page.mouse.move(0, 0);
  ok(await until(async () => /now$/.test(await label.innerText())),
    'and without one, the last');
}

async function disks(page, api) {
  const { nodes } = (await api('GET', '/usage?hours=1')).data;
  const [node] = nodes.filter(({ node: name }) => name === NODE);
  const last = node.samples[node.samples.length - 1];
  const { used, free } = last.disks.find(({ name }) => name === 'root');
  const list = here(page).getByRole('list', { name: 'Disks' });
  const root = list.getByRole('listitem').filter({ hasText: 'root' });
  const bar = root.getByRole('progressbar', { name: 'space used of root' });
  const part = await bar.evaluate((e) => e.position);

  ok(Math.abs(part - used / (used + free)) < 0.01,
    'the bar is as full as the disk');
  await shows(root.getByText(/ of .* inodes \(\d+ %\)/), 'so are its inodes');
  await shows(list.getByRole('listitem').filter({ hasText: 'gone' })
    .getByText('does not answer'), 'a disk that is not there is said to be so');
}

async function gone(page) {
  const where = region(page, 'mx2');

  await page.getByRole('link', { name: '24 hours' }).click();
  await shows(where.getByText('This server’s agent does not answer.'),
    'a server that is gone is said to be so');
  await shows(where.getByText('Its last sample is of 1 h ago.'), 'since when');
  await shows(where.getByText('full in 5 days'),
    'when its disk is full by the trend');
  await shows(where.getByText('nearly full'), 'and that it nearly is');
  await shows(where.getByText(/^1 address book, 4 calendars counted /),
    'what Radicale has there');
  await shows(here(page).getByText(/^0 address books, 0 calendars /),
    'and where nobody has used it');
  is(await here(page).getByText('does not answer.').count(), 0,
    'this one is not');
}

async function table(page, api) {
  const { nodes } = (await api('GET', '/usage?hours=24')).data;
  const { samples } = nodes.find(({ node }) => node === 'mx2');
  const where = region(page, 'mx2');

  await where.getByText('As a table').click();

  const rows = where.getByRole('table').locator('tbody tr');

  is(await rows.count(), samples.length, 'the numbers are in a table');
  like(await rows.first().innerText(), /96 %/, 'of the disk, too');
}

/* Eight days of a month in which nothing was sampled. */
async function gap(page) {
  await page.getByRole('link', { name: '30 days' }).click();

  const over = here(page).locator('.u-over').first();
  const legend = here(page).locator('.curve-legend').first();
  const said = async (hours) => {
    const { width, height } = await over.boundingBox();

    await over.hover({ position: {
      x: width * (720 - hours) / 720, y: height / 2,
    } });
    return legend.innerText();
  };

  ok(await until(async () => /^1 minute \d/.test(await said(600))),
    'what was sampled can be read');
  ok(await until(async () => /^1 minute –/.test(await said(480))),
    'where nothing was sampled there is nothing');
  await page.mouse.move(0, 0);
}

async function ranges(page) {
  for (const [name, hours] of [
    ['7 days', 168], ['30 days', 720], ['1 year', 8760], ['1 hour', 1],
  ]) {
    const asked = page.waitForResponse((response) => response.url()
      .endsWith(`/usage?hours=${hours}`));

    await page.getByRole('link', { name }).click();
    is((await asked).status(), 200, `a range: ${name}`);
    await shows(page.locator('[aria-current=page]')
      .filter({ hasText: name }), 'which is the one that is shown');
  }
}

async function themes(portal) {
  const colours = [];

  for (const [name, options] of Object.entries({
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    narrow: { viewport: { width: 320, height: 900 } },
  })) {
    const page = await portal.signedIn('#/usage?hours=720', options);

    await curve(here(page), 'Load').locator('canvas').waitFor();
    is(await overflow(page), 0, `${name}: nothing to scroll sideways`);
    colours.push(await here(page).locator('.curve-0').first()
      .evaluate((e) => getComputedStyle(e).color));
    if (SHOTS) {
      await page.screenshot({ path: `${SHOTS}/usage-${name}.png`,
        fullPage: true });
    }
    await page.context().close();
  }
  ok(colours[0] !== colours[1], 'dark and light have colours of their own');

  const page = await portal.signedIn('#/usage', { colorScheme: 'light' });

  await curve(here(page), 'Load').locator('canvas').waitFor();
  await page.emulateMedia({ colorScheme: 'dark' });
  ok(await until(() => isDrawn(page, 0)), 'a curve follows the theme');
  await page.context().close();
}
