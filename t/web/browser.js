/*
 * What the scripts of this folder share: TAP, a browser, the portal's API and
 * Redis.  Each page that is opened is watched: at the end no script of a
 * stranger has run, nothing has broken the page's Content-Security-Policy and
 * no exception was left alone.
 */

'use strict';

const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { chromium } = require('playwright-core');

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-dev-shm-usage',
];
const WAIT_MSECS = 20000;

const env = process.env;
const admin = { username: env.MP_ADMIN, password: env.MP_ADMIN_PASSWORD };
const more = (username) => ({ username, password: env.MP_MORE_PASSWORD });

/* MP_URL may be an address alone. */
const url = /^https?:/.test(env.MP_URL) ? env.MP_URL : `http://${env.MP_URL}`;

let count = 0;
const broken = [];

function ok(value, name) {
  count += 1;
  console.log(`${value ? 'ok' : 'not ok'} ${count} - ${name}`);
  return Boolean(value);
}

function is(got, wanted, name) {
  return ok(got === wanted, name)
    || console.log(`# got: ${got}\n# wanted: ${wanted}`);
}

function like(got, wanted, name) {
  return ok(wanted.test(got), name)
    || console.log(`# got: ${got}\n# wanted: ${wanted}`);
}

/* True once the function is; false when it never was. */
async function until(check) {
  const end = Date.now() + WAIT_MSECS;

  while (Date.now() < end) {
    if (await check()) {
      return true;
    }
    await new Promise((resume) => { setTimeout(resume, 50); });
  }
  return false;
}

/* Is it shown, now or soon? If not, what is shown instead. */
async function shows(locator, name) {
  try {
    await locator.first().waitFor({ state: 'visible', timeout: WAIT_MSECS });
    return ok(true, name);
  } catch {
    const seen = await locator.page().locator('body').innerText();

    console.log(seen.slice(0, 2000).replace(/^/gm, '# '));
    return ok(false, name);
  }
}

class Portal {
  constructor(browser) {
    this.browser = browser;
  }

  /* A page of a person of its own, at a place: "#/nodes". */
  async open(place = '', options = {}) {
    const context = await this.browser.newContext({
      viewport: { width: 1280, height: 900 }, ...options,
    });
    const page = await context.newPage();

    page.setDefaultTimeout(WAIT_MSECS);
    watch(page);
    await page.goto(`${url}/${place}`);
    return page;
  }

  async signedIn(place = '', { as = admin, ...options } = {}) {
    const page = await this.open(place, options);

    await this.signIn(page, as);
    return page;
  }

  async signIn(page, as = admin) {
    await signIn(page, as);
    await page.locator('h1').first().waitFor();
    await page.locator('.menu').waitFor();
  }
}

function watch(page) {
  page.on('pageerror', (error) => {
    if (!page.provoking) {
      broken.push(`exception: ${error.message}`);
    }
  });
  page.on('console', (message) => {
    if (/Content.Security.Policy|TrustedHTML|TrustedScript/i
      .test(message.text()) && !page.provoking) {
      broken.push(`policy: ${message.text()}`);
    }
  });
}

async function signIn(page, { username, password }) {
  await page.getByLabel('Name', { exact: true }).fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/* The API as somebody else's program, with a session of its own. */
async function session(who = admin) {
  const answer = await call('POST', '/session', { json: who });
  const cookie = answer.headers.get('set-cookie').split(';')[0];

  return (method, path, options = {}) => call(method, path, {
    ...options, cookie,
  });
}

async function call(method, path, { json, text, etag, key, cookie } = {}) {
  const headers = { 'Sec-Fetch-Site': 'same-origin', Origin: url };

  if (json !== undefined) {
    headers['Content-Type'] = 'application/json';
  } else if (text !== undefined) {
    headers['Content-Type'] = 'text/plain';
  }
  if (etag) {
    headers['If-Match'] = etag;
  }
  if (key) {
    headers['Idempotency-Key'] = key;
  }
  if (cookie) {
    headers.Cookie = cookie;
  }
  const answer = await fetch(`${url}/api/v1${path}`, {
    method, headers, body: json === undefined ? text : JSON.stringify(json),
  });
  const type = answer.headers.get('content-type') || '';

  return {
    status: answer.status,
    headers: answer.headers,
    etag: answer.headers.get('etag'),
    data: type.includes('json') ? await answer.json() : await answer.text(),
  };
}

function redis(...args) {
  const dir = env.MP_STACK_DIR;
  const password = readFileSync(`${dir}/secrets/redis-mp-ops.pw`, 'utf8');
  const run = spawnSync('redis-cli', [
    '-s', `${dir}/run/redis.sock`, '--user', 'mp-ops', '--no-auth-warning',
    ...args,
  ], { encoding: 'utf8', env: { ...env, REDISCLI_AUTH: password.trim() } });

  if (run.status !== 0) {
    throw new Error(`redis-cli ${args[0]}: ${run.stderr}${run.stdout}`);
  }
  return run.stdout.trim();
}

function stack(verb, name) {
  const run = spawnSync(env.MP_STACK, [verb, '--dir', env.MP_STACK_DIR, name], {
    encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'],
  });

  if (run.status !== 0) {
    throw new Error(`auto/stack ${verb} ${name}: ${run.stderr}`);
  }
}

/* Has a script of a stranger run? */
async function isHacked(page) {
  return page.evaluate(() => window.__x !== undefined);
}

async function overflow(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
}

async function run(script) {
  const browser = await chromium.launch({
    executablePath: env.MP_CHROMIUM || '/usr/bin/chromium', args: FLAGS,
  });

  try {
    await script(new Portal(browser));
  } catch (error) {
    ok(false, 'the script runs to its end');
    console.log(String(error.cause || error.stack).replace(/^/gm, '# '));
  }
  is(broken.join('\n'), '', 'no exception, no violation of the policy');
  await browser.close();
}

module.exports = {
  admin, call, is, isHacked, like, more, ok, overflow, redis, run, session,
  shows, signIn, stack, until, url,
};
