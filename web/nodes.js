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

/* What the menu and others have seen, without a request of its own. */
export const useSeenNodes = () => useStore(seen);

/* Who follows the lists; the others never have a version of them. */
const FOLLOWERS = new Set(['milter', 'nginx']);

export const followsLists = (node) => FOLLOWERS.has(node.component);

/* When a node was last seen that no longer says anything, or null. */
export function silentSince(node) {
  const told = node.problems.map((text) => SILENT.exec(text)).find(Boolean);

  return told ? told[1] : null;
}

const SILENT = /^no heartbeat since (\S+)$/;
