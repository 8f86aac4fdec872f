/*
 * The types of a setting: how its value becomes what is being typed (draft)
 * and back, what is wrong with it, and which input shows it.  check() answers
 * a sentence or null; the server has the last word.
 */

import { showScore } from '../text.js';
import {
  ChoiceInput, NetsInput, ScoreInput, SwitchInput, TextInput, TimeInput,
} from './inputs.js';
import { SecretInput } from './secret.js';

export const SCORE_OFF = 999;

const bytes = (text) => new TextEncoder().encode(text).length;

const score = {
  input: ScoreInput,
  draft: (value) => ({
    on: value !== SCORE_OFF,
    text: value === SCORE_OFF ? '' : showScore(value),
  }),
  value: (draft) => (draft.on ? number(draft.text) : SCORE_OFF),
  check(setting, draft) {
    if (!draft.on) {
      return null;
    }
    if (draft.text.trim() === '') {
      return 'Enter a score, or switch this level off.';
    }
    if (!/^-?\d+([.,]\d{1,2})?$/.test(draft.text.trim())) {
      return 'Enter a number with at most two decimals.';
    }
    return checkRange(setting, number(draft.text));
  },
};

const whole = {
  input: TextInput,
  inputMode: 'numeric',
  draft: (value) => (value === null ? '' : String(value)),
  value: (draft) => (draft.trim() === '' ? null : Number(draft.trim())),
  check(setting, draft) {
    if (draft.trim() === '') {
      return setting.nullable ? null : 'Enter a number.';
    }
    if (!/^\d+$/.test(draft.trim())) {
      return 'Enter a whole number.';
    }
    return checkRange(setting, Number(draft.trim()));
  },
};

const days = { ...whole, placeholder: 'never' };

const text = {
  input: TextInput,
  draft: (value) => value ?? '',
  value: (draft) => (draft.trim() === '' ? null : draft.trim()),
  check(setting, draft) {
    if (draft.trim() === '') {
      return setting.nullable ? null : 'Enter a value.';
    }
    if (setting.max > 0 && bytes(draft.trim()) > setting.max) {
      return `Use at most ${setting.max} characters.`;
    }
    return null;
  },
};

const bool = {
  input: SwitchInput,
  draft: (value) => value,
  value: (draft) => draft,
  check: () => null,
};

const choice = {
  input: ChoiceInput,
  draft: (value) => value,
  value: (draft) => draft,
  check: () => null,
};

const nets = {
  input: NetsInput,
  draft: (value) => value.join('\n'),
  value: (draft) => draft.split(/[\s,]+/).filter((net) => net !== ''),
  check(setting, draft) {
    return nets.value(draft).length > setting.max
      ? `Enter at most ${setting.max} networks.` : null;
  },
};

/* undefined keeps the password that is stored, null clears it. */
const secret = {
  input: SecretInput,
  draft: () => ({ text: '', clear: false }),
  value: (draft) => (draft.clear ? null : draft.text || undefined),
  check(setting, draft) {
    const size = bytes(draft.text);

    if (draft.clear || size === 0) {
      return null;
    }
    if (size < setting.min) {
      return `Use at least ${setting.min} characters.`;
    }
    return size > setting.max
      ? `Use at most ${setting.max} characters.` : null;
  },
};

/* A moment: typed in the time of this place, sent in UTC. */
const time = {
  input: TimeInput,
  hint: () => `in your time, ${zone()}`,
  draft: (value) => ({ text: value ? localTime(value) : '', bad: false }),
  value: ({ text: typed }) => (typed === ''
    ? null : new Date(typed).toISOString().replace(/\.\d+Z$/, 'Z')),
  check(setting, { text: typed, bad }) {
    return bad || (typed !== '' && Number.isNaN(new Date(typed).getTime()))
      ? 'Enter the date and the time, or neither.' : null;
  },
};

const types = {
  score,
  days,
  port: whole,
  bool,
  choice,
  host: text,
  nexthop: text,
  login: text,
  name: text,
  address: text,
  time,
  nets,
  secret,
};

export const typeOf = (setting) => types[setting.type] || text;

function number(typed) {
  return Number(typed.trim().replace(',', '.'));
}

/* "2026-12-31T12:00", as an input of that type wants it. */
function localTime(value) {
  const at = new Date(value);
  const two = (part) => String(part).padStart(2, '0');
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())];
  const clock = [two(at.getHours()), two(at.getMinutes())];

  if (at.getSeconds() > 0) {
    clock.push(two(at.getSeconds()));
  }
  return `${date.join('-')}T${clock.join(':')}`;
}

const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

function checkRange({ min, max }, value) {
  return value < min || value > max
    ? `Enter a number from ${min} to ${max}.` : null;
}
