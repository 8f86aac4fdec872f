import { html } from '../vendor/preact.js';

/* What is said of each list. */
export const LISTS = {
  __proto__: null,
  blacklist: {
    title: 'Blacklist',
    other: 'whitelist',
    verb: 'Block',
    doc: 'Mail from these domains is refused with 550 5.7.1.',
    empty: html`
      <p><strong>No domain is blocked.</strong></p>
      <p>Add one above: the next message from it is refused.</p>`,
  },
  whitelist: {
    title: 'Whitelist',
    other: 'blacklist',
    verb: 'Allow',
    doc: 'Mail from these domains is not scored.',
    empty: html`
      <p><strong>No domain is whitelisted.</strong></p>
      <p>Add one above: mail from it is no longer scored.</p>`,
  },
};

export const entryPath = (list, entry) => (
  `/lists/${list}/entries/${encodeURIComponent(entry)}`
);
