/* How much of something is done.  Before that is known it only moves. */

import { html } from '../vendor/preact.js';

export function Progress({ label, done, total, kind = null }) {
  return html`
    <progress aria-label=${label} data-kind=${kind} max=${total || 1}
      value=${total > 0 ? done : null}></progress>`;
}
