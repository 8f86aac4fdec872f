/* What is said of jobs. */

import { about, plural, showBytes, showCount, span } from './text.js';

/* The executor's nodes do it; see mp_actions.def. */
export const ACTIONS = {
  __proto__: null,
  'quota-recalc': {
    label: 'Recalculate quota',
    doc: 'Counts every message of a mailbox anew and corrects the usage that '
      + 'its quota is measured by.',
  },
  'index-rebuild': {
    label: 'Rebuild indexes',
    doc: 'Reads the mailboxes from disk and writes their indexes anew, which '
      + 'brings back messages that an index has lost.',
  },
  'clear-folders': {
    label: 'Clear Junk and Trash',
    doc: 'Removes messages that have been in Junk or Trash for longer than '
      + 'the settings allow, counted from the day they were put there.',
  },
  'radicale-backup': {
    label: 'Back up Radicale',
    doc: 'Writes calendars and address books to a ZIP file. Who changes them '
      + 'meanwhile waits no longer than the copy takes.',
    executor: 'agent',
    all: 'All users',
    units: ['file'],
  },
  'verify-cache-clear': {
    label: 'Clear the address verification cache',
    doc: 'Postfix forgets which addresses it has found good or bad, and asks '
      + 'again about each of them.',
    executor: 'agent',
    all: 'All addresses',
    units: ['address', 'addresses'],
  },
  'relayhost-test': {
    label: 'Test the relayhost',
    executor: 'agent',
    all: 'The relayhost',
    units: null,
  },
  'mailer-test': {
    label: 'Test the system mailer',
    executor: 'agent',
    all: 'An address',
    units: null,
  },
};

/* The component whose nodes do it. */
export const executorOf = ({ action }) => (
  (ACTIONS[action] && ACTIONS[action].executor) || 'dovecot'
);

export const labelOfJob = ({ action, dry_run: dryRun }) => {
  const label = ACTIONS[action] ? ACTIONS[action].label : action;

  return dryRun ? `${label}: dry run` : label;
};

export const STATES = {
  __proto__: null,
  queued: { kind: 'plain', label: 'waiting' },
  running: { kind: 'info', label: 'running' },
  done: { kind: 'good', label: 'done' },
  'done-with-failures': { kind: 'warn', label: 'done, with failures' },
  failed: { kind: 'bad', label: 'failed' },
  cancelled: { kind: 'warn', label: 'cancelled' },
};

export const stateOf = (job) => (job.next_at ? TRIED_AGAIN
  : STATES[job.state] || { kind: 'plain', label: job.state });

const TRIED_AGAIN = { kind: 'warn', label: 'to be tried again' };

export const scopeOf = ({ action, target }) => target
  || (ACTIONS[action] && ACTIONS[action].all) || 'All mailboxes';

/* The worker's own jobs are the sweeps of the settings. */
export const isSweep = (job) => job.created_by === 'mailportal';
export const whoOf = (job) => (isSweep(job) ? 'daily sweep' : job.created_by);

/* "120 of 200 users, 3 failed"; "" where there is nothing to count */
export function countsOf({ action, total, done, failed, skipped }) {
  const { units = ['user'] } = ACTIONS[action] || {};

  if (units === null) {
    return '';
  }

  const parts = [
    done < total
      ? `${showCount(done)} of ${plural(total, ...units)}`
      : plural(done, ...units),
  ];

  if (failed > 0) {
    parts.push(`${showCount(failed)} failed`);
  }
  if (skipped > 0) {
    parts.push(`${showCount(skipped)} without a mailbox yet`);
  }
  return parts.join(', ');
}

/* One sentence on how far it is, or how it ended. */
export function sayOf(job) {
  const say = SENTENCES[job.state];

  return say ? say(job) : '';
}

const SENTENCES = {
  __proto__: null,
  queued: (job) => (job.cancelled_by
    ? 'It is being cancelled.'
    : 'It waits for a server to take it.'),
  running: (job) => {
    if (job.cancelled_by) {
      return `It is being cancelled: ${countsOf(job)}.`;
    }
    if (job.next_at) {
      return `It waits, next attempt ${untilOf(job.next_at)}.`;
    }
    if (job.total === 0 && executorOf(job) === 'dovecot') {
      return 'The users are being listed.';
    }
    if (job.total === 0 || countsOf(job) === '') {
      return 'It has begun.';
    }
    return `${countsOf(job)}${leftOf(job)}.${waitingOf(job)}`;
  },
  done: (job) => (job.total === 0 && executorOf(job) === 'dovecot'
    ? `There is no mailbox${job.target ? ` of ${job.target}` : ''}: nothing `
      + 'was to be done.'
    : `Done${afterColon(job)}${lastedOf(job)}.`),
  'done-with-failures': (job) => (
    `Done, but not for all: ${countsOf(job)}${lastedOf(job)}.`
  ),
  failed: (job) => (textOf(job)
    ? `It failed: ${textOf(job)}.`
    : `It failed${afterColon(job)}.`),
  cancelled: (job) => `Cancelled by ${job.cancelled_by || 'somebody'}`
    + `${progressOf(job)}.`
    + `${job.dry_run || job.done === 0 ? '' : ' What was done stays done.'}`,
};

/* "in 30 s" */
function untilOf(at) {
  const seconds = Math.ceil((new Date(at) - Date.now()) / 1000);

  return seconds > 0 ? `in ${span(seconds)}` : 'now';
}

function progressOf(job) {
  if (job.total === 0) {
    return ' before it began';
  }
  return countsOf(job) && ` after ${countsOf(job)}`;
}

const afterColon = (job) => (countsOf(job) ? `: ${countsOf(job)}` : '');

const leftOf = ({ eta }) => (eta !== null && eta > 0
  ? `, about ${about(eta)} left` : '');

/* When all others are done, for whom it goes on. */
function waitingOf({ total, done, nodes = {} }) {
  const names = Object.keys(nodes)
    .filter((name) => nodes[name].state === 'queued');

  return done === total && names.length > 0
    ? ` It waits for ${names.join(', ')}.` : '';
}

/* ", in 12 s" */
function lastedOf({ started_at: from, ended_at: to }) {
  if (!from || !to) {
    return '';
  }
  const seconds = Math.round((new Date(to) - new Date(from)) / 1000);

  return seconds < 2 ? ', in a second' : `, in ${about(seconds)}`;
}

/*
 * Why it failed as a whole, as its nodes say it: those that failed or, where
 * none had anything to do, all of them.
 */
function textOf({ nodes = {} }) {
  const all = Object.values(nodes);
  const failed = all.filter((node) => node.state === 'failed');
  const texts = (failed.length > 0 ? failed : all)
    .map((node) => (node.text || '').replace(/\.$/, '')).filter(Boolean);

  return [...new Set(texts)].join('; ');
}

/* What came of it, or null. */
export function resultOf(job) {
  const say = RESULTS[job.action];

  return say && job.result ? say(job.result, job) : null;
}

const RESULTS = {
  __proto__: null,
  'quota-recalc': ({ drifted, bytes_before: before, bytes_after: after }) => {
    if (drifted === 0) {
      return null;
    }
    return `The usage of ${plural(drifted, 'mailbox', 'mailboxes')} was wrong: `
      + `together ${showBytes(before)} before, ${showBytes(after)} now.`;
  },
  'index-rebuild': ({ folders, messages }) => (folders === 0
    ? null
    : `${plural(messages, 'message')} in ${plural(folders, 'folder')}.`),
  'clear-folders': ({ messages, bytes, folders }, job) => {
    const what = `${plural(messages, 'message')} (${showBytes(bytes)})`;
    const where = `in ${plural(folders, 'folder')}`;

    if (job.dry_run) {
      return `${what} ${where} would go. Nothing was removed.`;
    }
    return `${what} ${where} ${messages === 1 ? 'was' : 'were'} removed.`;
  },
  'radicale-backup': ({ bytes }) => (bytes > 0
    ? `${showBytes(bytes)} of calendars and address books.` : null),
  'verify-cache-clear': ({ messages }, job) => {
    if (messages === 0) {
      return job.state === 'done'
        ? 'The cache is empty: nothing to clear.' : null;
    }
    return job.dry_run
      ? `${plural(messages, 'address', 'addresses')} would be forgotten. `
        + 'Nothing was changed.'
      : `${plural(messages, 'address', 'addresses')} forgotten.`;
  },
};

/*
 * What was done one after the other: [{ step, text, node, bad }].  A job that
 * failed, or is to be tried again, names the step in its text, "sign in:
 * authentication failed".
 */
export function stepsOf(job) {
  const items = (job.result && job.result.items) || [];
  const steps = items.filter(({ text }) => text)
    .map(({ target, text, node }) => ({ step: target, text, node }));

  for (const [node, told] of Object.entries(job.nodes || {})) {
    const { state, text, next_at: again } = told;
    const [, step, why] = FAILED_STEP.exec(text || '') || [];

    if ((state === 'failed' || again) && step) {
      steps.push({ step, text: why, node, bad: true });
    }
  }
  return steps;
}

const FAILED_STEP = /^(resolve|connect|greeting|TLS|sign in|send): (.*)$/s;

const STEPS = {
  __proto__: null,
  resolve: 'Name',
  connect: 'Connection',
  greeting: 'Greeting',
  TLS: 'TLS',
  'sign in': 'Sign-in',
  send: 'Message',
  cache: 'Cache',
  clear: 'Clearing',
  backup: 'Backup',
  list: 'List',
};

export const stepLabel = (step) => STEPS[step] || step;

/* "from Junk after 30 days, from Trash after a day"; "" for never. */
export function daysOf({ junk_days: junk, trash_days: trash }) {
  const parts = [[junk, 'Junk'], [trash, 'Trash']]
    .filter(([days]) => days)
    .map(([days, folder]) => `from ${folder} after ${plural(days, 'day')}`);

  return parts.join(', ');
}

/* What an operator does about a failure, by its text. */
export function remedyOf(text) {
  const [, remedy] = REMEDIES.find(([pattern]) => pattern.test(text));

  return remedy;
}

const REMEDIES = [
  [/ended unexpectedly|crash|signal \d/i,
    'Read Dovecot’s log of that moment, then try this mailbox alone.'],
  [/no space|disk full|ENOSPC/i,
    'Make room on the disk, then try again.'],
  [/plugin (is )?not loaded/i,
    'Bring Dovecot’s 90-mailportal.conf up to date.'],
  [/has no quota/i, 'Nothing, unless this user should have one.'],
  [/quota/i, 'Correct the quota rule of this user, then try again.'],
  [/\b[ug]id\b|first_valid|last_valid/i,
    'Correct the uid or gid that the userdb gives this user.'],
  [/permission denied|EACCES|not permitted/i,
    'Give the files back to the owner that the userdb names.'],
  [/lock|timed? ?out/i,
    'Something else held the mailbox: try again later.'],
  [/location|namespace|home|settings/i,
    'Correct where the userdb says that the mailbox is.'],
  [/unknown user|no such user|not found|doesn.t exist|does not exist/i,
    'Look whether the user still exists.'],
  [/./, 'Read Dovecot’s log at that server, then try this mailbox alone.'],
  [/^/, ''],
];
