/* The newest lines, and each that comes after them. */

import { html, useEffect, useState } from '../vendor/preact.js';
import { eventsOf, get, withQuery } from '../api.js';
import { Loading, ProblemNotice } from '../ui/notice.js';
import { Lines } from './log-lines.js';

const SHOWN = 500;

const STATES = {
  __proto__: null,
  open: 'Following: what comes is shown on top.',
  lost: 'The connection was lost; it is tried again, and goes on from the '
    + 'last line.',
};

const ENDED = {
  title: 'The lines do not come any more.',
  message: 'The portal has ended the connection.',
};

export function Followed({ path, filter, limit }) {
  const [lines, setLines] = useState(null);
  const [state, setState] = useState('');
  const [problem, setProblem] = useState(null);
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    const abort = new AbortController();
    let source = null;

    const listen = ({ data }) => {
      setLines([...data.lines].reverse());
      source = streamOf(path, filter, data.lines, {
        line: (line) => setLines((old) => [line, ...old].slice(0, SHOWN)),
        open: () => setState('open'),
        lost: (ended) => (ended ? setProblem(ENDED) : setState('lost')),
      });
    };

    setProblem(null);
    get(withQuery(path, { ...filter, limit }), { signal: abort.signal }).then(
      (answer) => !abort.signal.aborted && listen(answer),
      (refused) => !abort.signal.aborted && setProblem(refused),
    );
    return () => {
      abort.abort();
      if (source) {
        source.close();
      }
    };
  }, [turn]);

  if (problem) {
    return html`<${ProblemNotice} problem=${problem}
      reload=${() => setTurn(turn + 1)} />`;
  }
  if (lines === null) {
    return html`<${Loading} lines=${10} />`;
  }
  return html`
    <p class="muted" role="status">${STATES[state]}</p>
    <${Lines} lines=${lines} empty="Waiting for the next line." />`;
}

/* From behind the newest line that is known. */
function streamOf(path, filter, lines, on) {
  const last = lines.length > 0 ? lines[lines.length - 1].id : '';
  const source = eventsOf(
    withQuery(`${path}/stream`, { ...filter, after: last }),
  );

  source.addEventListener('line', (event) => on.line(JSON.parse(event.data)));
  source.addEventListener('open', on.open);
  source.addEventListener('error', () => {
    on.lost(source.readyState === EventSource.CLOSED);
  });
  return source;
}
