/* A coloured box with a sentence in it; the sign says what the colour says. */

import { html } from '../vendor/preact.js';
import { isAway } from '../api.js';

export const SIGNS = { good: '✓', warn: '!', bad: '✕', info: 'i' };

export function Notice({ kind = 'info', title, live = false, children }) {
  return html`
    <div class="notice" data-kind=${kind} role=${live ? 'alert' : null}>
      <span class="sign" aria-hidden="true">${SIGNS[kind]}</span>
      <div class="notice-body">
        ${title && html`<strong>${title}</strong>`}
        ${children}
      </div>
    </div>`;
}

/* Why something did not work. */
export function ProblemNotice({ problem, reload }) {
  return html`
    <${Notice} kind="bad" live title=${problem.title}>
      ${problem.message !== problem.title && html`<p>${problem.message}</p>`}
      ${problem.requestId && html`
        <p class="muted small">Request ${problem.requestId}</p>`}
      ${reload && html`
        <p><button type="button" onClick=${reload}>Try again</button></p>`}
    <//>`;
}

export function Badge({ kind = 'plain', children }) {
  return html`<span class="badge" data-kind=${kind}>${children}</span>`;
}

/* Keeps the place of what is being loaded. */
export function Loading({ lines = 3 }) {
  return html`
    <div class="loading" role="status">
      <span class="hidden">Loading</span>
      ${Array.from({ length: lines }, (_, i) => html`
        <span class="loading-line" key=${i} aria-hidden="true"></span>`)}
    </div>`;
}

/* The data of a resource, or what there is in its stead. */
export function Loaded({ resource, lines, children }) {
  if (resource.data !== null) {
    return children(resource.data);
  }
  if (resource.problem && isAway(resource.problem)) {
    return html`<p class="muted">It is shown here as soon as it can be read.
    </p>`;
  }
  if (resource.problem) {
    return html`<${ProblemNotice} problem=${resource.problem}
      reload=${resource.reload} />`;
  }
  return html`<${Loading} lines=${lines} />`;
}
