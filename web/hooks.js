import { useCallback, useEffect, useRef, useState } from './vendor/preact.js';

import { get, turn } from './api.js';
import { useStore } from './store.js';

/* Without a hand at the page for so long, nothing is polled any more: a
   forgotten tab shall not keep its session alive. */
const AWAY_MSECS = 10 * 60 * 1000;

let touched = Date.now();

for (const event of ['pointerdown', 'keydown', 'wheel', 'focus']) {
  addEventListener(event, () => { touched = Date.now(); }, { passive: true });
}

const attended = () => !document.hidden && Date.now() - touched < AWAY_MSECS;

/*
 * What GET answers: { data, etag, problem, loading, reload, set }.  While it
 * loads anew, what was shown stays.  path null loads nothing; every is in
 * milliseconds.
 */
export function useResource(path, { every = 0 } = {}) {
  const [state, setState] = useState(EMPTY);
  const [count, setCount] = useState(0);
  const all = useStore(turn);

  useEffect(() => {
    if (path === null) {
      return undefined;
    }
    const abort = new AbortController();

    setState((s) => ({ ...s, loading: true }));
    get(path, { signal: abort.signal }).then(
      ({ data, etag }) => {
        if (!abort.signal.aborted) {
          setState({ data, etag, problem: null, loading: false });
        }
      },
      (problem) => {
        if (!abort.signal.aborted) {
          setState((s) => ({ ...s, problem, loading: false }));
        }
      },
    );
    return () => abort.abort();
  }, [path, count, all]);

  const reload = useCallback(() => setCount((n) => n + 1), []);

  usePoll(reload, path === null ? 0 : every);

  const set = useCallback(
    (data, etag) => setState({ data, etag, problem: null, loading: false }),
    [],
  );

  return { ...state, reload, set };
}

const EMPTY = { data: null, etag: null, problem: null, loading: true };

export function usePoll(action, every) {
  const latest = useRef(action);
  latest.current = action;

  useEffect(() => {
    if (!every) {
      return undefined;
    }
    const timer = setInterval(() => attended() && latest.current(), every);
    return () => clearInterval(timer);
  }, [every]);
}

/* The value once it has rested. */
export function useDelayed(value, msecs) {
  const [late, setLate] = useState(value);

  useEffect(() => {
    const timer = setTimeout(() => setLate(value), msecs);
    return () => clearTimeout(timer);
  }, [value, msecs]);

  return late;
}

let ids = 0;

/* An id that no other element has. */
export function useId() {
  const id = useRef(null);

  if (id.current === null) {
    ids += 1;
    id.current = `id${ids}`;
  }
  return id.current;
}
