/*
 * The address after the # is the page and its filters:
 * "#/lists/blacklist?q=spam".
 */

import { createStore } from './store.js';
import { withQuery } from './api.js';
import { routes } from './routes.js';

export const place = createStore(read());

addEventListener('hashchange', () => place.set(read()));

export function href(path, query = {}) {
  return `#/${withQuery(path, query)}`;
}

export function go(path, query = {}, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, '', href(path, query));
    place.set(read());
  } else {
    location.hash = href(path, query);
  }
}

function read() {
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const query = Object.fromEntries(new URLSearchParams(search));

  for (const route of routes) {
    const params = match(route.path, path);

    if (params) {
      return { route, params, query, path };
    }
  }
  return { route: null, params: {}, query, path };
}

/* "lists/:list" on "lists/blacklist" gives { list: 'blacklist' }. */
function match(pattern, path) {
  const wanted = pattern.split('/');
  const parts = path.split('/');
  const params = {};

  if (wanted.length !== parts.length) {
    return null;
  }
  for (const [i, part] of wanted.entries()) {
    if (part.startsWith(':')) {
      params[part.slice(1)] = decode(parts[i]);
    } else if (part !== parts[i]) {
      return null;
    }
  }
  return params;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
