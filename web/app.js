/* The shell: who is signed in, where we are, and what holds for all pages. */

import {
  html, render, useEffect, useErrorBoundary, useRef, useState,
} from './vendor/preact.js';
import { loadSession, session, turn } from './api.js';
import { go, place } from './router.js';
import { menuOf, target } from './routes.js';
import { useStore } from './store.js';
import { SignIn } from './pages/sign-in.js';
import { Health } from './ui/health.js';
import { Menu } from './ui/menu.js';
import { Loading, ProblemNotice } from './ui/notice.js';
import { PageHead } from './ui/page.js';
import { Toasts } from './ui/toast.js';

function App() {
  const who = useStore(session);
  const tries = useStore(turn);

  useEffect(() => {
    if (who === null || who.user === null) {
      loadSession();
    }
  }, [tries]);

  if (who === null) {
    return null;
  }
  moved = moved || who.user === null;
  return html`
    ${who.user
      ? html`<${Portal} user=${who.user} />`
      : html`<${SignIn} ended=${who.ended} />`}
    <${Toasts} />`;
}

function Portal({ user }) {
  const { route, params, query, path } = useStore(place);
  const allowed = route !== null && route.roles.includes(user.role);

  useEffect(() => {
    if (path === '') {
      go(target(menuOf(user.role)[0]), {}, { replace: true });
    }
  }, [path, user.role]);

  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <${Menu} user=${user} route=${route} />
    <main id="main" tabindex="-1">
      <${Health} />
      ${allowed
        ? html`<${Page} key=${route.path} route=${route} params=${params}
            query=${query} />`
        : path !== '' && html`<${Missing} known=${route !== null} />`}
    </main>`;
}

/* The # is the router's, so the skip link moves the focus itself. */
function skip(event) {
  event.preventDefault();
  document.getElementById('main').focus();
}

/* The module of a page, its title, and the focus on its heading. */
function Page({ route, params, query }) {
  const [page, setPage] = useState({ View: null, problem: null });
  const [error] = useErrorBoundary((failure) => reportError(failure));
  const box = useRef(null);

  useEffect(() => {
    let here = true;

    document.title = `${route.title} – mailportal`;
    route.load().then(
      ({ default: View }) => here && setPage({ View, problem: null }),
      () => here && setPage({
        View: null,
        problem: NOT_LOADED,
      }),
    );
    return () => { here = false; };
  }, []);

  useEffect(() => {
    if (page.View && moved) {
      box.current.querySelector('h1').focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    moved = moved || page.View !== null;
  }, [page.View]);

  if (error) {
    return html`
      <${ProblemNotice} problem=${FAILED} reload=${() => location.reload()} />`;
  }
  return html`
    <div ref=${box}>
      ${page.problem && html`
        <${ProblemNotice} problem=${page.problem}
          reload=${() => location.reload()} />`}
      ${page.View
        ? html`<${page.View} params=${params} query=${query} />`
        : !page.problem && html`<${Loading} lines=${6} />`}
    </div>`;
}

const NOT_LOADED = {
  title: 'The page could not be loaded.',
  message: 'Reload to get the portal’s newest pages.',
};
const FAILED = {
  title: 'The page has failed.',
  message: 'This is a fault of the portal. What was saved is saved.',
};

/* On the first page that is loaded, the focus begins at the top. */
let moved = false;

function Missing({ known }) {
  return known
    ? html`<${PageHead} title="Not for this account">
        Only a MasterAdmin may see this page.<//>`
    : html`<${PageHead} title="There is no such page">
        Choose one from the menu.<//>`;
}

render(html`<${App} />`, document.getElementById('app'));
