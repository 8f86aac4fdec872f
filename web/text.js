/* Values as people read them. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const dateTime = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium', timeStyle: 'medium',
});
const date = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });
const integer = new Intl.NumberFormat('en');
const decimal = new Intl.NumberFormat('en', {
  maximumFractionDigits: 2, useGrouping: false,
});

export const showTime = (text) => dateTime.format(new Date(text));
export const showDate = (text) => date.format(new Date(text));
export const showCount = (number) => integer.format(number);
export const showScore = (number) => decimal.format(number);

/* "1 entry", "2 entries" */
export function plural(number, one, many = `${one}s`) {
  return `${showCount(number)} ${number === 1 ? one : many}`;
}

/* "just now", "4 min ago", "in 3 days" */
export function showAgo(text, now = Date.now()) {
  const seconds = Math.round((now - new Date(text).getTime()) / 1000);
  const size = about(Math.abs(seconds));

  if (Math.abs(seconds) < 5) {
    return 'just now';
  }
  return seconds > 0 ? `${size} ago` : `in ${size}`;
}

/* "45 s", "2 min 10 s", to wait for */
export function span(seconds) {
  return seconds > MINUTE && seconds % MINUTE > 0
    ? `${Math.floor(seconds / MINUTE)} min ${seconds % MINUTE} s`
    : about(seconds);
}

/* "45 s", "2 min", "3 h", "12 days" */
export function about(seconds) {
  if (seconds < MINUTE) {
    return `${seconds} s`;
  }
  if (seconds < HOUR) {
    return `${Math.round(seconds / MINUTE)} min`;
  }
  if (seconds < DAY) {
    return `${Math.round(seconds / HOUR)} h`;
  }
  return plural(Math.round(seconds / DAY), 'day');
}

/* "less than 1 ms", "12 ms", "1.2 s" */
export function showMsecs(msecs) {
  if (msecs < 1) {
    return 'less than 1 ms';
  }
  return msecs < 1000 ? `${msecs} ms` : `${(msecs / 1000).toFixed(1)} s`;
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/* "0 bytes", "1.5 KiB", "312 MiB" */
export function showBytes(bytes) {
  let value = bytes;
  let unit = 0;

  while (Math.abs(value) >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) {
    return plural(value, 'byte');
  }
  return `${value.toFixed(Math.abs(value) < 10 ? 1 : 0)} ${UNITS[unit]}`;
}

/* A value of the settings document. */
export function showValue(value) {
  if (value === null || value === undefined || value === '') {
    return 'none';
  }
  if (Array.isArray(value)) {
    return value.length > 0 ? value.join(', ') : 'none';
  }
  if (typeof value === 'boolean') {
    return value ? 'on' : 'off';
  }
  return typeof value === 'number' ? showScore(value) : String(value);
}

/* "must be a number" is "Must be a number." */
export function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);

  return /[.!?]$/.test(first) ? first : `${first}.`;
}
