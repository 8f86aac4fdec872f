/* The story of one message: step by step, and the lines that tell it. */

import { html } from '../vendor/preact.js';
import { href } from '../router.js';
import { plural, showBytes, showTime } from '../text.js';
import { SIGNS } from '../ui/notice.js';
import { stepsOf } from './trace-words.js';

export function Story({ message }) {
  return html`
    <div class="story">
      <ol class="steps" aria-label="Steps">
        ${stepsOf(message).map((step, i) => html`
          <${Step} key=${i} step=${step} begin=${message.at} />`)}
      </ol>
      <${Facts} message=${message} />
      <${Lines} message=${message} />
    </div>`;
}

/* When: of what came later than the message itself. */
function Step({ step: { kind, title, text, list, entry, at }, begin }) {
  return html`
    <li data-kind=${kind}>
      <span class="sign" aria-hidden="true">${SIGNS[kind]}</span>
      <span><strong>${title}</strong>${' '}
        ${list && entry && html`
          <a href=${href(`lists/${list}`, { q: entry })}>${entry}</a>${' '}`}
        ${text}
        ${at && at !== begin && html`${' '}
          <time class="muted small" datetime=${at}>${showTime(at)}</time>`}
      </span>
    </li>`;
}

function Facts({ message }) {
  const {
    message_id: id, size, node, at, last, queue_id: queueId,
  } = message;

  return html`
    <dl class="facts">
      ${id && html`<div><dt>Message id</dt><dd>${id}</dd></div>`}
      ${queueId && html`<div><dt>Queue id</dt><dd>${queueId}</dd></div>`}
      ${size !== undefined && html`
        <div><dt>Size</dt><dd>${showBytes(size)}</dd></div>`}
      <div><dt>Node</dt><dd>${node}</dd></div>
      ${last !== at && html`
        <div><dt>Last heard of</dt>
          <dd><time datetime=${last}>${showTime(last)}</time></dd></div>`}
    </dl>`;
}

function Lines({ message }) {
  const { events } = message;

  return html`
    <details>
      <summary>${plural(events.length, 'log line')}</summary>
      <ol class="story-lines">
        ${events.map(({ at, process, text }, i) => html`
          <li key=${i}>
            <time datetime=${at}>${showTime(at)}</time>
            <span class="muted">${process}</span>
            <code>${text}</code>
          </li>`)}
      </ol>
    </details>
    <p class="story-links">${linksOf(message).map(([label, to]) => html`
      <a key=${label} href=${to}>${label}</a>`)}</p>`;
}

/* What else the logs have of it, as long as they keep it. */
function linksOf({ queue_id: id, client, node, to }) {
  const links = [];
  const { session } = to.find((one) => one.session) || {};

  if (id) {
    links.push(['See it in the log of Postfix',
      href('logs/postfix', { queue_id: id, node })]);
  }
  if (session) {
    links.push(['See its delivery in the log of Dovecot',
      href('logs/dovecot', { q: session, node })]);
  }
  if (client) {
    links.push(['See what else its client did',
      href('logs/postfix', { address: client, node })]);
  }
  return links;
}
