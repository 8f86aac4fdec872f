/* What became of a message: one row each, which opens into its story. */

import { html, useEffect, useState } from '../vendor/preact.js';
import { withQuery } from '../api.js';
import { useResource } from '../hooks.js';
import { go, href } from '../router.js';
import { sheet } from '../sheet.js';
import { showTime } from '../text.js';
import { Field } from '../ui/field.js';
import { Badge, Loaded } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { Pager } from '../ui/table.js';
import { LogTrouble } from './log-trouble.js';
import { Story } from './trace-story.js';
import { isOutcome, judgeOf, outcomeOf, outcomes } from './trace-words.js';

await sheet('logs.css');

const LIMIT = 50;
const EVERY_MSECS = 10000;
const NULL = '<>';

export default function Trace({ query }) {
  const q = query.q || '';
  const outcome = isOutcome(query.outcome) ? query.outcome : '';

  return html`
    <${PageHead} title="Message trace">
      What became of each message, also of those that were refused, greylisted
      or deferred.
    <//>
    <${LogTrouble} of="Postfix|Dovecot|mailportal-milter" />
    <${Messages} key=${`${outcome} ${q}`} q=${q} outcome=${outcome} />`;
}

function Messages({ q, outcome }) {
  const [cursors, setCursors] = useState(['']);
  const cursor = cursors[cursors.length - 1];
  const resource = useResource(
    withQuery('/trace', { q, outcome, cursor, limit: LIMIT }),
    { every: cursor ? 0 : EVERY_MSECS },
  );
  const turn = (next) => {
    setCursors(next);
    document.getElementById('main').scrollIntoView();
  };
  const fault = resource.problem && resource.problem.field('q');

  return html`
    <section class="card" aria-label="Messages">
      <${Search} q=${q} outcome=${outcome} fault=${fault}
        again=${resource.reload} />
      ${!fault && html`
        <${Loaded} resource=${resource} lines=${10}>
          ${({ messages, cursor: next, nodes }) => html`
            ${messages.length > 0
              ? html`<ol class="messages" aria-busy=${resource.loading}>
                ${messages.map((message) => html`
                  <${Message} key=${message.id} message=${message}
                    several=${nodes.length > 1} />`)}
              </ol>`
              : html`<div class="empty">${cursor
                ? html`<p><strong>There is no older one.</strong></p>`
                : html`<${Nothing} q=${q} outcome=${outcome} />`}</div>`}
            <${Pager} page=${cursors.length - 1} next=${next}
              onPrevious=${() => turn(cursors.slice(0, -1))}
              onNext=${() => turn([...cursors, next])} />`}
        <//>`}
    </section>`;
}

/* What is asked is in the address, so that it can be kept and sent. */
function Search({ q, outcome, fault, again }) {
  const [typed, setTyped] = useState(q);
  const ask = (changes) => go('trace', { q: typed.trim(), outcome, ...changes });
  const submit = (event) => {
    event.preventDefault();
    if (typed.trim() === q) {
      again();
    } else {
      ask({});
    }
  };

  useEffect(() => setTyped(q), [q]);

  return html`
    <form class="explain" role="search" onSubmit=${submit} novalidate>
      <${Field} label="Search" error=${fault}
        help="A mail address, a domain, a queue id, a message id, or the
          client’s name or address.">
        ${(id, attributes) => html`
          <input id=${id} type="search" value=${typed} autocomplete="off"
            autocapitalize="none" spellcheck="false"
            placeholder="alice@example.com"
            onInput=${(event) => setTyped(event.target.value)}
            ...${attributes} />`}
      <//>
      <${Field} label="Outcome">
        ${(id) => html`
          <select id=${id} value=${outcome}
            onChange=${(event) => ask({ outcome: event.target.value })}>
            <option value="">any</option>
            ${outcomes.map(({ name, word }) => html`
              <option key=${name} value=${name}>${word}</option>`)}
          </select>`}
      <//>
      <button type="submit" class="main">Search</button>
    </form>`;
}

function Nothing({ q, outcome }) {
  if (!q && !outcome) {
    return html`
      <p><strong>No message so far.</strong></p>
      <p>Each one is here a moment after Postfix has written of it.</p>`;
  }
  return html`
    <p><strong>No message matches${q ? html` “${q}”` : ''}.</strong></p>
    <p>Only those of the last days are kept. ${q && html`
      <a href=${href('logs/postfix', { q })}>Search the log of Postfix</a>
      ${outcome && ' or '}`}
      ${outcome && html`
        <a href=${href('trace', { q })}>Search with any outcome</a>`}</p>`;
}

function Message({ message, several }) {
  const [open, setOpen] = useState(false);
  const { kind, word, more } = outcomeOf(message);

  return html`
    <li>
      <details class="message"
        onToggle=${(event) => setOpen(event.target.open)}>
        <summary>
          <span class="message-when">
            <time datetime=${message.at}>${showTime(message.at)}</time>
            ${several && html`
              <span class="muted block">${message.node}</span>`}
          </span>
          <span class="message-who">${senderOf(message)}
            <span class="block"><span class="muted">to </span>
              ${recipientsOf(message)}</span></span>
          <span class="message-outcome"><${Badge} kind=${kind}>${word}<//>
            ${more && html`<span class="muted block">${more}</span>`}</span>
          <span class="message-why muted">${judgeOf(message)}</span>
        </summary>
        ${open && html`<${Story} message=${message} />`}
      </details>
    </li>`;
}

function senderOf({ from }) {
  if (from === undefined) {
    return html`<span class="muted">sender not known</span>`;
  }
  return from || html`<span class="muted">the null sender, ${NULL}</span>`;
}

function recipientsOf({ to }) {
  if (to.length === 0) {
    return html`<span class="muted">nobody so far</span>`;
  }
  return to.length === 1 ? to[0].address
    : `${to[0].address} and ${to.length - 1} more`;
}
