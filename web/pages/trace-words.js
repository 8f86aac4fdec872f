/* What is said of a message that was traced. */

import { showScore } from '../text.js';

const INBOX = /^inbox$/i;

/* What became of it: a word, its colour, and what there is to add. */
const OUTCOMES = {
  __proto__: null,
  queued: { kind: 'info', word: 'In the queue' },
  delivered: { kind: 'good', word: 'Delivered' },
  deferred: { kind: 'warn', word: 'Deferred', more: 'is tried again' },
  greylisted: { kind: 'warn', word: 'Greylisted', more: 'may come again' },
  refused: { kind: 'bad', word: 'Refused' },
  bounced: { kind: 'bad', word: 'Returned', more: 'to its sender' },
};

export const outcomes = Object.entries(OUTCOMES)
  .map(([name, { word }]) => ({ name, word }));

export const isOutcome = (name) => OUTCOMES[name] !== undefined;

export const folderName = (folder) => (INBOX.test(folder) ? 'Inbox' : folder);

const isJunk = (folder) => folder === 'Junk';

export function outcomeOf({ outcome, to }) {
  const known = OUTCOMES[outcome] || { kind: 'info', word: outcome };
  const folders = [...new Set(to.map(({ folder }) => folder || ''))];
  const waiting = to.filter(({ status }) => status === 'deferred').length;

  if (outcome === 'delivered' && folders.length === 1 && folders[0]) {
    return isJunk(folders[0])
      ? { kind: 'warn', word: 'Delivered to Junk' }
      : { ...known, more: `to ${folderName(folders[0])}` };
  }
  if (outcome === 'deferred' && waiting > 0 && waiting < to.length) {
    return { ...known, more: `${waiting} of ${to.length} recipients` };
  }
  return known;
}

/* Why: in a few words. */
export function judgeOf({ verdict, rule, entry, score, login, outcome, milter }) {
  if (rule === 'blacklist' || rule === 'whitelist') {
    return `on the ${rule}${entry ? `: ${entry}` : ''}`;
  }
  if (isScore(score)) {
    return `score ${showScore(Number(score))}`;
  }
  if (rule === 'unscored') {
    return 'no score to be had';
  }
  if (verdict) {
    return verdict;
  }
  if (login) {
    return 'signed in';
  }
  return outcome === 'refused' && !milter ? 'by Postfix' : '';
}

const isScore = (score) => score !== undefined && score !== 'none'
  && Number.isFinite(Number(score));

/* What the score or its lack has led to. */
const VERDICTS = {
  __proto__: null,
  pass: { kind: 'good', text: 'is below all thresholds' },
  defer: { kind: 'warn', text: 'reaches “Defer from”: greylisted' },
  junk: { kind: 'warn', text: 'reaches “Junk from”: marked as spam' },
  reject: { kind: 'bad', text: 'reaches “Reject from”: refused' },
};

const UNSCORED = {
  kind: 'warn', title: 'Not scored', text: 'No score could be had.',
};

/*
 * The story: { kind, title, text, list, entry, at }, as far as it is known.
 * list: of which its domain is an entry.
 */
export function stepsOf(message) {
  const { outcome, to } = message;
  const wholly = ['refused', 'greylisted'].includes(outcome)
    || (outcome === 'deferred' && message.reply !== undefined);

  return [
    connected(message),
    ...judged(message, wholly),
    ...(wholly ? [answered(message)] : queued(message)),
    ...(wholly ? [] : to.map(recipient)),
    ...(outcome === 'bounced' && to.every(({ status }) => status !== 'bounced')
      ? [GIVEN_UP] : []),
    ...(outcome === 'queued' && to.length === 0 ? [UNTRIED] : []),
  ];
}

const GIVEN_UP = {
  kind: 'bad', title: 'Given up', text: 'Its sender was told.',
};
const UNTRIED = {
  kind: 'info', title: 'In the queue', text: 'Delivery was not tried so far.',
};

function connected({ client, client_name: name, login, at }) {
  const text = client ? `${name || 'unknown'} [${client}]` : 'on this server';

  return {
    kind: 'good',
    title: 'Connected',
    text: login ? `${text}, signed in as ${login}` : text,
    at,
  };
}

function judged(message, wholly) {
  const {
    verdict, rule, entry, score, login, outcome,
  } = message;

  if (rule === 'blacklist') {
    return [{
      kind: 'bad', title: 'On the blacklist', list: rule, entry,
    }];
  }
  if (rule === 'whitelist') {
    return [{
      kind: 'good',
      title: 'On the whitelist',
      list: rule,
      entry,
      text: 'Not scored.',
    }];
  }
  if (rule === 'unscored') {
    return [UNSCORED];
  }
  if (isScore(score)) {
    return [{
      ...(VERDICTS[verdict] || { kind: 'info' }),
      title: `Score ${showScore(Number(score))}`,
      text: textOfScore({ verdict, rule, outcome }),
    }];
  }
  if (wholly) {
    return [];
  }
  return [{
    kind: 'info',
    title: 'Not scored',
    text: login ? 'Mail of users who sign in is not.'
      : 'No verdict of the milter is known.',
  }];
}

function textOfScore({ verdict, rule, outcome }) {
  if (rule === 'pre_result') {
    return 'and refused by the content scanner, whatever the score.';
  }
  if (verdict === 'defer' && outcome !== 'greylisted') {
    return 'reaches “Defer from”, but its sender has waited: taken.';
  }
  return VERDICTS[verdict] ? `${VERDICTS[verdict].text}.` : verdict;
}

const ANSWERS = {
  __proto__: null,
  refused: { kind: 'bad', title: 'Refused' },
  greylisted: { kind: 'warn', title: 'Greylisted' },
  deferred: { kind: 'warn', title: 'Sent away for now' },
};

function answered({ outcome, reply, milter, last }) {
  return {
    ...ANSWERS[outcome],
    text: `${reply || 'No reason is known.'}${milter ? ''
      : ' (by Postfix itself)'}`,
    at: last,
  };
}

function queued({ queue_id: id }) {
  return id ? [{ kind: 'good', title: 'Queued', text: `as ${id}` }] : [];
}

const STATES = {
  __proto__: null,
  sent: { kind: 'good', title: 'Sent on' },
  deferred: { kind: 'warn', title: 'Waits, and is tried again' },
  bounced: { kind: 'bad', title: 'Returned to its sender' },
  expired: { kind: 'bad', title: 'Given up' },
  refused: { kind: 'bad', title: 'Recipient refused' },
};

function recipient({ address, status, folder, relay, reply, at }) {
  const by = relay && relay !== 'none' ? ` by ${relay}` : '';

  if (status === 'sent' && folder) {
    return {
      kind: isJunk(folder) ? 'warn' : 'good',
      title: `Put into ${folderName(folder)}`,
      text: `of ${address} by Dovecot${relay ? ` at ${relay}` : ''}`,
      at,
    };
  }
  return {
    ...(STATES[status] || { kind: 'info', title: status || 'To' }),
    text: `${address}${by}${reply ? `: ${reply}` : ''}`,
    at,
  };
}
