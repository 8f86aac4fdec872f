/*
 * The one place that speaks to /api/v1.  Every answer that is not a success
 * becomes a Problem; what it means for the whole page (signed out, Redis
 * away, old data) is put into a store that the shell watches.
 */

import { createStore } from './store.js';
import { sentence } from './text.js';

const BASE = '/api/v1';

/* null: not known yet; { user: null }: nobody; ended: there was somebody */
export const session = createStore(null);

/* state is 'ok', 'stale' or 'down'; problem is set when it is 'down' */
const OK = { state: 'ok', problem: null };
const STALE = { state: 'stale', problem: null };
export const health = createStore(OK);

/* counts the calls of retry(); resources load anew when it changes */
export const turn = createStore(0);

export function retry() {
  turn.set(turn.get() + 1);
}

export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(sentence(
      body.detail || body.title || `The portal answered ${status}`,
    ));
    this.status = status;
    this.code = body.code || '';
    this.title = sentence(body.title || 'It did not work');
    this.errors = Array.isArray(body.errors) ? body.errors : [];
    this.retryAfter = retryAfter;
    this.requestId = body.request_id || '';
    this.job = body.job || null;
    this.etag = null;
  }

  /* The text for a field, or null. */
  field(name) {
    const error = this.errors.find((e) => e.field === name);
    return error ? sentence(error.text) : null;
  }
}

/* Not this request is at fault, but the portal or Redis: the shell says so. */
export const isAway = ({ status }) => status === 0 || status >= 502;

export const get = (path, options) => request('GET', path, options);
export const post = (path, options) => request('POST', path, options);
export const put = (path, options) => request('PUT', path, options);
export const patch = (path, options) => request('PATCH', path, options);
export const del = (path, options) => request('DELETE', path, options);

/* Where the server tells of what changes, as it changes. */
export const eventsOf = (path) => new EventSource(
  BASE + path, { withCredentials: true },
);

/* "/lists/x?q=y" without the parameters that are empty. */
export function withQuery(path, query) {
  const params = new URLSearchParams();

  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') {
      params.set(name, value);
    }
  }

  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

async function request(method, path, options = {}) {
  const { body, text, ifMatch, key, signal } = options;
  const headers = { Accept: 'application/json' };

  if (body !== undefined) {
    headers['Content-Type'] = 'application/json';
  } else if (text !== undefined) {
    headers['Content-Type'] = 'text/plain; charset=utf-8';
  }
  if (ifMatch) {
    headers['If-Match'] = ifMatch;
  }
  if (key) {
    headers['Idempotency-Key'] = key;
  }

  const response = await send(BASE + path, {
    method,
    headers,
    signal,
    body: body === undefined ? text : JSON.stringify(body),
    credentials: 'same-origin',
    cache: 'no-store',
    redirect: 'error',
  });
  const data = await read(response);

  if (!response.ok) {
    throw refuse(response, data);
  }

  note(response, path);
  return { data, etag: response.headers.get('ETag'), status: response.status };
}

async function send(url, init) {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error.name === 'AbortError') {
      throw error;
    }
    const problem = new Problem(0, {
      code: 'unreachable',
      title: 'The portal does not answer',
    }, 5);
    health.set({ state: 'down', problem });
    throw problem;
  }
}

async function read(response) {
  const type = response.headers.get('Content-Type') || '';

  if (response.status === 204 || !type.includes('json')) {
    return {};
  }
  try {
    return await response.json();
  } catch (error) {
    if (error.name === 'AbortError') {
      throw error;
    }
    throw new Problem(response.status, {
      title: 'The portal’s answer cannot be read',
    }, null);
  }
}

function refuse(response, data) {
  const after = Number(response.headers.get('Retry-After')) || null;
  const problem = new Problem(response.status, data, after);

  problem.etag = response.headers.get('ETag');

  if (problem.status === 401 && problem.code !== 'credentials') {
    const { user, ended } = session.get() || {};
    // several requests may be told so at once: the first saw who there was
    session.set({ user: null, ended: Boolean(user || ended) });
  }
  if (isAway(problem)) {
    health.set({ state: 'down', problem });
  }

  return problem;
}

/* The schema is part of the program: it says nothing about Redis. */
function note(response, path) {
  if (response.headers.get('Mailportal-Stale')) {
    if (health.get().state !== 'down') {
      health.set(STALE);
    }
  } else if (path !== '/schema') {
    health.set(OK);
  }
}

export async function loadSession() {
  try {
    const { data } = await get('/session');
    session.set({ user: data });
  } catch (problem) {
    if (problem.status !== 401) {
      session.set({ user: null, ended: false });
    }
  }
}

export async function signIn(username, password) {
  const { data } = await post('/session', { body: { username, password } });
  session.set({ user: data });
}

export async function signOut() {
  await del('/session');
  session.set({ user: null, ended: false });
}
