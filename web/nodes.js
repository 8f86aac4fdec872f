/*
 * The nodes as they were last seen.  Whoever asks, the menu and the page show
 * the same.
 */

import { useEffect } from './vendor/preact.js';
import { useResource } from './hooks.js';
import { createStore, useStore } from './store.js';

const seen = createStore(null);

export function useNodes(every) {
  const resource = useResource('/nodes', { every });
  const data = useStore(seen);

  useEffect(() => {
    if (resource.data) {
      seen.set(resource.data);
    }
  }, [resource.data]);

  return { ...resource, data };
}
