/* A style sheet that only some pages need; theirs when it is there. */

const loading = new Map();

export function sheet(href) {
  if (!loading.has(href)) {
    loading.set(href, new Promise((resolve) => {
      const link = document.createElement('link');

      link.rel = 'stylesheet';
      link.href = href;
      link.onload = resolve;
      link.onerror = () => {
        loading.delete(href);
        resolve();
      };
      document.head.append(link);
    }));
  }
  return loading.get(href);
}
