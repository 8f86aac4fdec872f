/* Signing in and out, and what is said when it does not work. */

'use strict';

const {
  admin, call, is, like, more, ok, redis, run, shows, signIn, until,
} = require('./browser.js');

run(async (portal) => {
  const page = await portal.open('#/history');

  await shows(page.getByLabel('Password'), 'without a session one signs in');
  is(await page.title(), 'Sign in – mailportal', 'the title says so');

  await signIn(page, { ...admin, password: 'wrong' });
  await shows(page.getByText('The name or the password is wrong.'),
    'a wrong password is told in words');
  is(await page.getByLabel('Password').inputValue(), '',
    'the wrong password is gone from the form');

  await signIn(page, admin);
  await shows(page.getByRole('heading', { name: 'History of the settings' }),
    'after signing in one is where one wanted to go');
  like(await page.title(), /^History of the settings – mailportal$/,
    'the page has its title');

  const cookies = await page.context().cookies();
  const cookie = cookies.find(({ name }) => name === '__Host-mailportal');

  ok(cookie, 'the browser keeps a __Host- cookie on loopback without TLS');
  ok(cookie && cookie.httpOnly && cookie.secure
    && cookie.sameSite === 'Strict',
    'the cookie is HttpOnly, Secure and SameSite=Strict');
  is(await page.evaluate(() => document.cookie), '',
    'no script can read the cookie');

  await page.reload();
  await shows(page.locator('.menu'), 'the session outlives a reload');

  redis('DEL', ...redis('--scan', '--pattern', 'mp:{sess}:*').split('\n'));
  await page.evaluate(() => { location.hash = '#/thresholds'; });
  await shows(page.getByText('Your session has ended.'),
    'when the session has ended one is told');
  await page.evaluate(async () => {
    const { get } = await import('/api.js');
    await Promise.allSettled(['/settings', '/nodes', '/lists/blacklist']
      .map((path) => get(path)));
  });
  await shows(page.getByText('Your session has ended.'),
    'and still is when other requests are refused');
  await signIn(page, admin);
  await shows(page.getByRole('heading', { name: 'Spam thresholds' }),
    'and goes on where one was');

  await page.getByRole('button', { name: 'Sign out' }).click();
  await shows(page.getByLabel('Password'), 'signing out leads to sign-in');
  is((await page.context().cookies()).length, 0, 'the cookie is gone');
  ok(await page.getByText('Your session has ended.').count() === 0,
    'who signs out is not told that the session ended');

  await domainAdmin(portal);
  await throttling(page);
});

async function domainAdmin(portal) {
  const page = await portal.signedIn('', { as: more('tenant') });

  await shows(page.getByRole('heading', { name: 'What would happen' }),
    'a DomainAdmin begins at Explain');
  is(await page.locator('.menu nav a').count(), 1,
    'the menu of a DomainAdmin has only what is allowed');
  await page.goto(page.url().replace(/#.*/, '#/thresholds'));
  await shows(page.getByRole('heading', { name: 'Not for this account' }),
    'another page says that it is not for this account');
  await page.goto(page.url().replace(/#.*/, '#/nothing'));
  await shows(page.getByRole('heading', { name: 'There is no such page' }),
    'an unknown page says so');
}

async function throttling(page) {
  const wrong = { username: 'nobody', password: 'wrong' };
  let status = 0;

  await until(async () => {
    ({ status } = await call('POST', '/session', { json: wrong }));
    return status === 429;
  });
  is(status, 429, 'many wrong attempts are throttled');

  await signIn(page, wrong);
  await shows(page.getByText('Too many attempts.'),
    'the page says that there were too many attempts');
  like(await page.getByRole('timer').innerText(), /^\d+ (s|min)/,
    'and how long to wait');

  const before = await page.getByRole('timer').innerText();

  ok(await until(
    async () => await page.getByRole('timer').innerText() !== before,
  ) || / min$/.test(before), 'the time goes down');
  is(await page.getByRole('button', { name: 'Sign in' })
    .getAttribute('aria-disabled'), 'true',
    'and nothing can be sent until then');
}
