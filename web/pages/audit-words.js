/* What the codes of the audit log mean. */

/* The texts are of strangers: no table has what it does not say. */
const WORDS = {
  __proto__: null,
  'session.create': 'Signed in',
  'session.delete': 'Signed out',
  'settings.patch': 'Changed the settings',
  'settings.restore': 'Restored old settings',
  'whitelist-put': 'Put on the whitelist',
  'whitelist-delete': 'Took off the whitelist',
  'blacklist-put': 'Put on the blacklist',
  'blacklist-delete': 'Took off the blacklist',
  'list-import': 'Imported into a list',
  'job.create': 'Started a job',
  'job.cancel': 'Cancelled a job',
  'imap-master-login': 'Opened a mailbox by IMAP, master password',
  'pop3-master-login': 'Opened a mailbox by POP3, master password',
};

export const MASTER_LOGINS = ['imap-master-login', 'pop3-master-login'];

/* What can be chosen to be shown alone. */
export const KINDS = {
  __proto__: null,
  'sign-ins': {
    label: 'Sign-ins',
    what: ['session.create', 'session.delete'],
  },
  settings: {
    label: 'Settings',
    what: ['settings.patch', 'settings.restore'],
  },
  lists: {
    label: 'Lists',
    what: [
      'whitelist-put', 'whitelist-delete', 'blacklist-put', 'blacklist-delete',
      'list-import',
    ],
  },
  jobs: { label: 'Jobs', what: ['job.create', 'job.cancel'] },
  master: { label: 'Master password', what: MASTER_LOGINS },
};

export const wordsOf = ({ what }) => WORDS[what] || what;

/* Why it was not done, or null; the names are those of docs/errors.md. */
export function resultOf(result) {
  if (!result || result === 'ok') {
    return null;
  }
  return RESULTS[result] || result;
}

const RESULTS = {
  __proto__: null,
  credentials: 'the name or the password was wrong',
  throttled: 'too many attempts',
  stale: 'somebody else was faster',
  'state-regressed': 'Redis was older than what is in force',
  conflict: 'something else was in the way',
};
