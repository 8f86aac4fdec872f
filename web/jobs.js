/*
 * Jobs as they go on.  The server tells each change by itself; where that is
 * not possible, or while it is broken, they are asked for.
 */

import {
  useCallback, useEffect, useRef, useState,
} from './vendor/preact.js';
import { eventsOf, get, post, withQuery } from './api.js';
import { useResource } from './hooks.js';

const ASK_MSECS = 2000;
const AGAIN_MSECS = 15000;

/* A browser opens only six connections to a server without HTTP/2, for all
   its tabs together, and each stream holds one. */
const STREAMS_MAX = 2;
let streams = 0;

const ENDED = new Set(['done', 'done-with-failures', 'failed', 'cancelled']);

export const hasEnded = (job) => ENDED.has(job.state);

/* The job, { job, problem, set }; first is what is known of it already. */
export function useJob(id, first = null) {
  const [told, setTold] = useState(first);
  const ended = told !== null && hasEnded(told) && isWhole(told);
  const take = useCallback((next) => setTold(
    (old) => (old && hasEnded(old) && !hasEnded(next) ? old : next),
  ), []);
  const streaming = useEvents(ended ? null : id, take);
  const resource = useResource(ended ? null : `/jobs/${id}`, {
    every: streaming ? 0 : ASK_MSECS,
  });

  useEffect(() => {
    if (resource.data) {
      take(resource.data);
    }
  }, [resource.data]);

  return { job: told, problem: told ? null : resource.problem, set: take };
}

/* A row of the list has no nodes and no failures. */
const isWhole = (job) => job.nodes !== undefined;

/* Whether the server tells of the job now. */
function useEvents(id, take) {
  const [streaming, setStreaming] = useState(false);
  const [count, setCount] = useState(0);
  const visible = useVisible();

  useEffect(() => {
    if (id === null || !visible || streams >= STREAMS_MAX) {
      return undefined;
    }
    let timer = null;
    const source = eventsOf(`/jobs/${id}/events`);

    streams += 1;
    source.addEventListener('job', (event) => {
      setStreaming(true);
      take(JSON.parse(event.data));
    });
    source.addEventListener('error', () => {
      setStreaming(false);
      // the browser tries again by itself, unless the answer was an error
      if (source.readyState === EventSource.CLOSED && timer === null) {
        timer = setTimeout(() => setCount((n) => n + 1), AGAIN_MSECS);
      }
    });
    return () => {
      clearTimeout(timer);
      source.close();
      streams -= 1;
      setStreaming(false);
    };
  }, [id, visible, count]);

  return streaming;
}

function useVisible() {
  const [visible, setVisible] = useState(!document.hidden);

  useEffect(() => {
    const look = () => setVisible(!document.hidden);

    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);

  return visible;
}

/* 32 random hexadecimal digits; randomUUID() wants HTTPS. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/* Clicks that follow one another so closely are one. */
const CLICK_MSECS = 1000;

/*
 * Starts jobs: { start, busy, problem, lost, clear }.  One key for a click and
 * all that repeats it, as a double click does, or the one after an answer that
 * did not come: they make one job.  With other settings, of is their version,
 * it is another one.  onStarted(job, first): first is false when the job was
 * there before.
 */
export function useStart(onStarted) {
  const [state, setState] = useState(IDLE);
  const asked = useRef(null);
  const busy = useRef(false);

  const start = async (body, { dryRun = false, of = null } = {}) => {
    const path = withQuery('/jobs', { dry_run: dryRun ? 1 : null });
    const text = path + JSON.stringify([body, of]);

    if (busy.current) {
      return;
    }
    asked.current = keyed(asked.current, text);
    busy.current = true;
    setState({ ...IDLE, busy: true });
    try {
      const { key } = asked.current;
      const { data } = await post(path, { body, key });

      asked.current.open = false;
      setState(IDLE);
      onStarted(data, true);
    } catch (problem) {
      const decided = problem.status >= 400 && problem.status < 500;

      asked.current.open = !decided;
      setState(await meet(problem, onStarted)
        ? IDLE : { ...IDLE, problem, lost: !decided });
    }
    busy.current = false;
  };

  return { ...state, start, clear: () => setState(IDLE) };
}

/* The request before, if this repeats it, or a new one; open: not answered. */
function keyed(before, text) {
  const now = Date.now();

  return before !== null && before.text === text
    && (before.open || now - before.at < CLICK_MSECS)
    ? { ...before, at: now }
    : { text, key: newKey(), at: now, open: true };
}

const IDLE = { busy: false, problem: null, lost: false };

/* The job that is in the way is shown in the place of a second one. */
async function meet(problem, onStarted) {
  if (problem.status !== 409 || problem.job === null) {
    return false;
  }
  try {
    const { data } = await get(`/jobs/${problem.job}`);
    onStarted(data, false);
    return true;
  } catch {
    return false;
  }
}
