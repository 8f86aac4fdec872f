/* What holds for the whole portal: Redis away, or old data. */

import { html } from '../vendor/preact.js';
import { health, retry } from '../api.js';
import { usePoll } from '../hooks.js';
import { useStore } from '../store.js';
import { Notice } from './notice.js';

const RETRY_MSECS = 5000;

export function Health() {
  const { state, problem } = useStore(health);

  usePoll(retry, state === 'ok' ? 0 : RETRY_MSECS);

  if (state === 'down') {
    return html`
      <div class="banner">
        <${Notice} kind="bad" live title=${problem.title}>
          <p>Mail goes on with what is in force. Changes cannot be saved now.
            The portal tries again every few seconds.</p>
          <p><button type="button" onClick=${retry}>Try again now</button></p>
        <//>
      </div>`;
  }
  if (state === 'stale') {
    return html`
      <div class="banner">
        <${Notice} kind="warn" live title="Showing what was last known.">
          <p>Redis does not answer, so this may be old. Mail goes on.</p>
        <//>
      </div>`;
  }
  return null;
}
