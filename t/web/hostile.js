/* Text of strangers is text: nothing of it becomes markup or script. */

'use strict';

const { createHash } = require('node:crypto');

const {
  is, isHacked, ok, redis, run, session, shows, signIn, until, url,
} = require('./browser.js');
const { plant } = require('./plant.js');

const PAYLOADS = [
  '<script>window.__x=1</script>',
  '<img src=x onerror=window.__x=1>',
  '"><svg onload=window.__x=1>',
  "';window.__x=1;//",
  'javascript:window.__x=1',
  '<iframe srcdoc="<script>parent.__x=1</script>">',
  '</title></script><script>window.__x=1</script>',
  '{{constructor.constructor("window.__x=1")()}}',
  '<a href="javascript:window.__x=1">x</a>',
];

run(async (portal) => {
  const api = await session();

  await headers();
  await fill(api);

  const job = strangeJob();

  const page = await portal.signedIn('#/lists/blacklist');

  for (const [place, text] of [
    ['lists/blacklist', PAYLOADS[0]], ['history', PAYLOADS[1]],
    ['nodes', PAYLOADS[2]], [`jobs/${job}`, PAYLOADS[3]],
    [`jobs/${job}`, PAYLOADS[4]], ['actions', PAYLOADS[5]],
    ['audit', PAYLOADS[6]],
  ]) {
    await page.goto(`${url}/#/${place}`);
    await shows(page.getByText(text), `${place} shows the text as text`);
    is(await isHacked(page), false, `${place} runs nothing of it`);
  }

  for (const payload of PAYLOADS) {
    const text = encodeURIComponent(payload);

    await page.goto(`${url}/#/explain?sender=${text}&score=${text}`);
    await page.goto(`${url}/#/lists/blacklist?q=${text}`);
    await page.goto(`${url}/#/lists/${text}`);
    await page.goto(`${url}/#/jobs/${text}`);
    await page.goto(`${url}/#/settings/${text}`);
    await page.goto(`${url}/#/audit?what=${text}`);
    await page.goto(`${url}/#/trace?q=${text}&outcome=${text}`);
    await page.goto(`${url}/#/logs/postfix?q=${text}&node=${text}`);
    await page.goto(`${url}/#/actions?action=quota-recalc&target=${text}`);
    await page.goto(`${url}/#/${text}`);
    await page.locator('h1').waitFor();
  }
  is(await isHacked(page), false, 'no address of a page runs anything');

  for (const place of ['lists/', 'settings/', 'jobs/', 'audit?what=',
    'trace?outcome=', 'logs/']) {
    await page.goto(`${url}/#/${place}constructor`);
    await page.locator('h1').waitFor();
    is(await page.getByText('The page has failed').count(), 0,
      `${place}constructor is as good as any other name`);
  }

  await page.goto(`${url}/#/lists/blacklist/paste`);
  await page.getByLabel('Domains').fill(PAYLOADS.join('\n'));
  await page.getByRole('button', { name: 'Add all' }).click();
  await shows(page.getByRole('row').filter({ hasText: PAYLOADS[1] }),
    'refused lines are shown as text');
  is(await isHacked(page), false, 'and run nothing');

  await signInNames(portal);
  await injected(page);
});

async function headers() {
  const answer = await fetch(`${url}/`);
  const policy = answer.headers.get('content-security-policy') || '';

  for (const rule of [
    "default-src 'none'", "script-src 'self'", "style-src 'self'",
    "connect-src 'self'", "form-action 'self'", "base-uri 'none'",
    "frame-ancestors 'none'", "require-trusted-types-for 'script'",
  ]) {
    ok(policy.includes(rule), `the policy of the pages has ${rule}`);
  }
  ok(!/unsafe/.test(policy), 'and nothing unsafe');
  is(answer.headers.get('x-content-type-options'), 'nosniff',
    'types are not guessed');
}

/* Comments by the API; names and problems as a broken component might. */
async function fill(api) {
  for (const [i, comment] of PAYLOADS.entries()) {
    await api('PUT', `/lists/blacklist/entries/x${i}.example`, {
      json: { comment },
    });
  }
  redis('HSET', 'mp:{list}:black:info', 'x1.example', JSON.stringify({
    comment: PAYLOADS[1], by: PAYLOADS[2], at: '2026-01-01T00:00:00Z',
    expires: null,
  }));
  stranger();
  redis('SET', 'mp:{hb}:milter:mx9', JSON.stringify({
    component: 'milter', node: 'mx9', version: '<b>1</b>', pid: 1,
    settings: 1, lists: '1-0', whitelist: 0, blacklist: 0, lag_ms: 5,
    stale: true, problems: PAYLOADS.slice(0, 4),
  }), 'EX', '120');
  redis('HSET', 'mp:{hb}:index', 'milter:mx9',
    String(Math.floor(Date.now() / 1000)));
}

/* A worker's job whose users and texts mean harm, and who used it. */
function strangeJob() {
  const items = PAYLOADS.map((text) => ({
    target: `${text}@example.com`, text, folder: text, before: 1, after: 2,
  }));

  redis('XADD', 'mp:{audit}:in', '*', 'actor', PAYLOADS[6], 'what',
    PAYLOADS[7], 'target', PAYLOADS[8], 'from', PAYLOADS[0], 'result',
    PAYLOADS[1]);
  return plant({ created_by: PAYLOADS[5] }, {
    mx1: {
      state: 'done-with-failures', failed: PAYLOADS.length, drifted: 9,
      errors: items, details: items,
    },
    mx2: { state: 'failed', text: PAYLOADS[4] },
  });
}

/* The newest version once more, saved by somebody with a strange name. */
function stranger() {
  const [[id, pairs]] = JSON.parse(redis(
    '--json', 'XREVRANGE', 'mp:{cfg}:log', '+', '-', 'COUNT', '1',
  ));
  const fields = new Map();

  for (let i = 0; i < pairs.length; i += 2) {
    fields.set(pairs[i], pairs[i + 1]);
  }
  const next = Number(id.split('-')[0]) + 1;

  fields.set('prev', fields.get('h'));
  fields.set('actor', PAYLOADS[1]);
  fields.set('h', createHash('sha256').update([
    next, ...['epoch', 'prev', 'actor', 'at', 'req', 'doc']
      .map((name) => fields.get(name)),
  ].join('\n')).digest('hex'));
  redis('XADD', 'mp:{cfg}:log', 'NOMKSTREAM', `${next}-0`,
    ...[...fields].flat());
}

async function signInNames(portal) {
  const page = await portal.open('');

  await signIn(page, { username: PAYLOADS[1], password: PAYLOADS[0] });
  await page.getByRole('alert').first().waitFor();
  is(await isHacked(page), false, 'nor does a name at sign-in');
  await page.context().close();
}

/* The policy holds even if a page of ours had a hole. */
async function injected(page) {
  page.provoking = true;
  const told = await page.evaluate(() => {
    const result = [];
    const script = document.createElement('script');
    const image = document.createElement('img');

    try {
      script.text = 'window.__x = 1';
      document.head.append(script);
    } catch (error) {
      result.push(error.name);
    }
    try {
      image.setAttribute('onerror', 'window.__x = 1');
      image.src = '/nothing-there.png';
      document.body.append(image);
    } catch (error) {
      result.push(error.name);
    }
    try {
      document.body.innerHTML = '<p>x</p>';
    } catch (error) {
      result.push(error.name);
    }
    return result;
  });

  ok(told.includes('TypeError'), 'text is refused where markup is wanted');
  await until(async () => page.evaluate(
    () => [...document.images].every((image) => image.complete),
  ));
  is(await isHacked(page), false, 'an injected script and handler do not run');
}
