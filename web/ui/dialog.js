/*
 * A question over the page.  The browser's own dialog keeps the focus inside
 * and gives it back; Escape closes.
 */

import { html, useEffect, useRef } from '../vendor/preact.js';
import { useId } from '../hooks.js';

export function Dialog({ title, onClose, children, actions }) {
  const box = useRef(null);
  const id = useId();

  useEffect(() => {
    const dialog = box.current;

    dialog.showModal();
    return () => dialog.close();
  }, []);

  return html`
    <dialog ref=${box} aria-labelledby=${id} onClose=${onClose}>
      <h2 id=${id}>${title}</h2>
      ${children}
      <div class="actions">
        ${actions}
        <button type="button" class="quiet"
          onClick=${() => box.current.close()}>Cancel</button>
      </div>
    </dialog>`;
}
