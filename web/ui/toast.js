/* Short messages at the edge of the page, read out by screen readers. */

import { html, useEffect, useState } from '../vendor/preact.js';
import { createStore, useStore } from '../store.js';

/* The second one when there is something to click. */
const SHOWN_MSECS = 5000;
const OFFERED_MSECS = 15000;

const toasts = createStore([]);
let last = 0;

/* action: { label, run } makes a button, for instance to undo. */
export function toast(text, { kind = 'good', action = null } = {}) {
  last += 1;
  toasts.set([...toasts.get().slice(-2), { id: last, text, kind, action }]);
}

function drop(id) {
  toasts.set(toasts.get().filter((t) => t.id !== id));
}

export function Toasts() {
  const list = useStore(toasts);

  return html`
    <div class="toasts" role="status" aria-live="polite">
      ${list.map((t) => html`<${Toast} key=${t.id} toast=${t} />`)}
    </div>`;
}

function Toast({ toast: { id, text, kind, action } }) {
  const [held, setHeld] = useState(false);
  const hold = () => setHeld(true);
  const release = () => setHeld(false);

  useEffect(() => {
    if (held) {
      return undefined;
    }
    const timer = setTimeout(
      () => drop(id), action ? OFFERED_MSECS : SHOWN_MSECS,
    );
    return () => clearTimeout(timer);
  }, [id, held]);

  const act = () => {
    drop(id);
    action.run();
  };

  return html`
    <div class="toast" data-kind=${kind} onMouseEnter=${hold}
      onMouseLeave=${release} onFocusIn=${hold} onFocusOut=${release}>
      <span class="toast-text">${text}</span>
      ${action && html`
        <button type="button" class="quiet" onClick=${act}>
          ${action.label}
        </button>`}
      <button type="button" class="quiet icon" aria-label="Close"
        onClick=${() => drop(id)}>×</button>
    </div>`;
}
