/* A value that components watch. */

import { useEffect, useState } from './vendor/preact.js';

export function createStore(value) {
  const watchers = new Set();

  return {
    get: () => value,
    set(next) {
      if (next !== value) {
        value = next;
        watchers.forEach((watch) => watch(value));
      }
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

export function useStore(store) {
  const [value, setValue] = useState(store.get());

  useEffect(() => {
    setValue(() => store.get());
    return store.watch((next) => setValue(() => next));
  }, [store]);

  return value;
}
