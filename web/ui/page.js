/* The head of a page. */

import { html } from '../vendor/preact.js';
import { showAgo, showTime } from '../text.js';

export function PageHead({ title, children, actions }) {
  return html`
    <header class="page-head">
      <div>
        <h1 tabindex="-1">${title}</h1>
        ${children && html`<p class="lead">${children}</p>`}
      </div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </header>`;
}

/* A moment: how long ago, the exact time on hover and for machines. */
export function Time({ at, none = 'never' }) {
  if (!at) {
    return html`<span class="muted">${none}</span>`;
  }
  return html`
    <time datetime=${at} title=${showTime(at)}>${showAgo(at)}</time>`;
}
