/* The menu: pages by group, whether all nodes are up to date, theme, user. */

import { html, useEffect, useState } from '../vendor/preact.js';
import { session, signOut } from '../api.js';
import { useNodes } from '../nodes.js';
import { href, place } from '../router.js';
import { menuOf, target } from '../routes.js';
import { useStore } from '../store.js';
import { toast } from './toast.js';

const LIGHT_MSECS = 10000;

export function Menu({ user, route }) {
  const [open, setOpen] = useState(false);
  const { path } = useStore(place);

  useEffect(() => setOpen(false), [path]);

  const close = (event) => {
    if (event.key === 'Escape') {
      setOpen(false);
    }
  };

  return html`
    <header class="menu" data-open=${open ? '' : null} onKeyDown=${close}>
      <div class="menu-head">
        <a class="brand" href="#/"><${Mark} />mailportal</a>
        <button type="button" class="menu-button" aria-expanded=${open}
          aria-controls="menu" onClick=${() => setOpen(!open)}>Menu</button>
      </div>
      <div class="menu-body" id="menu">
        <nav aria-label="Pages">
          ${groupsOf(user.role).map(([group, routes]) => html`
            <h2 key=${group}>${group}</h2>
            <ul key=${`${group} pages`}>
              ${routes.map((each) => html`
                <li key=${each.path}><${Entry} route=${each}
                  current=${isIn(each, route)} /></li>`)}
            </ul>`)}
        </nav>
        <div class="menu-foot">
          ${user.role === 'MasterAdmin' && html`<${Light} />`}
          <${Theme} />
          <p class="who"><span class="muted">Signed in as </span>
            <strong>${user.username}</strong></p>
          <button type="button" onClick=${leave}>Sign out</button>
        </div>
      </div>
    </header>`;
}

export function Mark() {
  return html`<img src="icon.svg" alt="" width="28" height="28" />`;
}

function groupsOf(role) {
  const groups = new Map();

  for (const route of menuOf(role)) {
    groups.set(route.group, [...(groups.get(route.group) || []), route]);
  }
  return [...groups];
}

const isIn = (entry, route) => route !== null
  && target(entry) === target(route);

function Entry({ route, current }) {
  return html`
    <a href=${href(target(route))} aria-current=${current ? 'page' : null}>
      ${route.label}</a>`;
}

async function leave() {
  try {
    await signOut();
  } catch (problem) {
    if (session.get().user) {
      toast(problem.message, { kind: 'bad' });
    }
  }
}

/* Do all nodes run the newest version?  In words, not by colour alone. */
function Light() {
  const { data } = useNodes(LIGHT_MSECS);

  if (!data) {
    return html`<p class="light muted">…</p>`;
  }
  const newest = Math.max(0, ...data.nodes.map((node) => node.settings));
  const well = data.nodes.filter((node) => !node.stale
    && node.problems.length === 0 && node.settings === newest);
  const kind = well.length === data.nodes.length ? 'good' : 'bad';

  return html`
    <p class="light" data-kind=${kind}>
      <a href=${href('nodes')}>Version ${newest} at ${well.length} of${' '}
        ${data.nodes.length}</a>
    </p>`;
}

const THEMES = [['', 'Auto'], ['light', 'Light'], ['dark', 'Dark']];
const STORED = 'mailportal-theme';

export function Theme() {
  const [theme, setTheme] = useState(
    document.documentElement.dataset.theme || '',
  );

  const choose = (event) => {
    const { value } = event.target;

    setTheme(value);
    if (value) {
      document.documentElement.dataset.theme = value;
    } else {
      delete document.documentElement.dataset.theme;
    }
    try {
      localStorage.setItem(STORED, value);
    } catch {
      /* no storage: for this page only */
    }
  };

  return html`
    <fieldset class="theme">
      <legend class="hidden">Theme</legend>
      ${THEMES.map(([value, label]) => html`
        <label key=${label}>
          <input type="radio" name="theme" value=${value}
            checked=${theme === value} onChange=${choose} />
          <span>${label}</span>
        </label>`)}
    </fieldset>`;
}
