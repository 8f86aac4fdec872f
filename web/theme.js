/* The theme that was chosen here, set before the first paint. */
try {
  const theme = localStorage.getItem('mailportal-theme');

  if (theme === 'light' || theme === 'dark') {
    document.documentElement.dataset.theme = theme;
  }
} catch {
  /* no storage: the system's theme */
}
