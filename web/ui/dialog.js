/*
 * A question over the page.  The browser's own dialog keeps the focus inside
 * and gives it back; Escape closes.
 */

import { html, useEffect, useRef } from '../vendor/preact.js';
import { useId } from '../hooks.js';

/*
 * close is what its last button says, which changes nothing; with careful it
 * has the focus, so that no Enter too many says yes.
 */
export function Dialog({
  title, onClose, children, actions, close = 'Cancel', careful = false,
}) {
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
        <button type="button" class="quiet" autofocus=${careful}
          onClick=${() => box.current.close()}>${close}</button>
      </div>
    </dialog>`;
}
