/* Signing in: what the portal shows to who is nobody yet. */

import { html, useEffect, useRef, useState } from '../vendor/preact.js';
import { isAway, signIn } from '../api.js';
import { span } from '../text.js';
import { Field } from '../ui/field.js';
import { Mark, Theme } from '../ui/menu.js';
import { Health } from '../ui/health.js';
import { Notice } from '../ui/notice.js';

export function SignIn({ ended }) {
  const [draft, setDraft] = useState({ username: '', password: '' });
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const [wait, setWait] = useCountdown();
  const password = useRef(null);

  useEffect(() => {
    document.title = 'Sign in – mailportal';
  }, []);

  const type = (name) => (event) => {
    setDraft({ ...draft, [name]: event.target.value });
  };

  const submit = async (event) => {
    event.preventDefault();
    if (busy || wait > 0) {
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await signIn(draft.username.trim(), draft.password);
    } catch (refused) {
      setProblem(refused);
      setWait(refused.status === 429 ? refused.retryAfter || 60 : 0);
      setDraft({ ...draft, password: '' });
      setBusy(false);
      password.current.focus();
    }
  };

  return html`
    <main class="sign-in" id="main">
      <form class="card" onSubmit=${submit}>
        <h1><${Mark} />mailportal</h1>
        <${Health} />
        <${Says} problem=${problem} wait=${wait} ended=${ended} />
        <${Field} label="Name">
          ${(id) => html`
            <input id=${id} name="username" type="text" required autofocus
              autocomplete="username" autocapitalize="none" spellcheck="false"
              value=${draft.username} onInput=${type('username')} />`}
        <//>
        <${Field} label="Password">
          ${(id) => html`
            <input id=${id} ref=${password} name="password" type="password"
              required autocomplete="current-password" value=${draft.password}
              onInput=${type('password')} />`}
        <//>
        <button type="submit" class="main" aria-disabled=${busy || wait > 0}>
          ${busy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
      <${Theme} />
    </main>`;
}

function Says({ problem, wait, ended }) {
  if (problem && problem.status === 429) {
    return html`
      <${Notice} kind="warn" live title="Too many attempts.">
        <p>${wait > 0 ? html`Try again in <span role="timer" aria-live="off">
          ${span(wait)}</span>.` : 'You can try again now.'}</p>
      <//>`;
  }
  if (problem && !isAway(problem)) {
    return html`
      <${Notice} kind="bad" live title=${problem.code === 'credentials'
        ? 'The name or the password is wrong.' : problem.message} />`;
  }
  return ended && html`
    <${Notice} title="Your session has ended. Sign in again to go on." />`;
}

/* Seconds that go down to 0. */
function useCountdown() {
  const [seconds, setSeconds] = useState(0);

  useEffect(() => {
    if (seconds <= 0) {
      return undefined;
    }
    const timer = setTimeout(() => setSeconds(seconds - 1), 1000);
    return () => clearTimeout(timer);
  }, [seconds]);

  return [seconds, setSeconds];
}
