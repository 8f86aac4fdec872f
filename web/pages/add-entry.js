/* The line that adds a domain to a list. */

import { html, useRef, useState } from '../vendor/preact.js';
import { del, put } from '../api.js';
import { Field } from '../ui/field.js';
import { Notice, ProblemNotice } from '../ui/notice.js';
import { toast } from '../ui/toast.js';
import { LISTS, entryPath } from './list-words.js';

const DAY_MSECS = 24 * 60 * 60 * 1000;

const SPANS = [
  ['', 'never'],
  ['1', 'in a day'],
  ['7', 'in a week'],
  ['30', 'in 30 days'],
  ['365', 'in a year'],
  ['date', 'on a date …'],
];

const BLANK = { entry: '', comment: '', span: '', date: '' };

export function AddEntry({ list, words, onAdded }) {
  const [draft, setDraft] = useState(BLANK);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const first = useRef(null);

  const type = (name) => (event) => {
    setDraft({ ...draft, [name]: event.target.value });
    setProblem(null);
  };

  const add = async (move) => {
    const entry = draft.entry.trim();

    setBusy(true);
    try {
      if (move) {
        await del(entryPath(words.other, entry));
      }
      const { data, status } = await put(entryPath(list, entry), {
        body: bodyOf(draft),
      });
      toast(status === 201
        ? `Added ${data.entry}.` : `Changed ${data.entry}.`);
      setDraft(BLANK);
      setProblem(null);
      onAdded();
    } catch (refused) {
      setProblem(refused);
    }
    setBusy(false);
    first.current.focus();
  };

  const submit = (event) => {
    event.preventDefault();
    if (draft.entry.trim() !== '' && !busy) {
      add(false);
    }
  };

  return html`
    <form class="card add" onSubmit=${submit} novalidate>
      <${Inputs} draft=${draft} type=${type} problem=${problem}
        first=${first} />
      <button type="submit" class="main"
        aria-disabled=${busy || draft.entry.trim() === ''}>
        ${words.verb}</button>
      <${Refused} problem=${problem} words=${words}
        onMove=${() => add(true)} />
    </form>`;
}

function Inputs({ draft, type, problem, first }) {
  const fault = (name) => problem && problem.field(name);

  return html`
    <${Field} label="Domain" error=${fault('entry')}>
      ${(id, attributes) => html`
        <input id=${id} ref=${first} type="text" value=${draft.entry}
          inputmode="url" autocomplete="off" autocapitalize="none"
          spellcheck="false" placeholder="spam.example"
          onInput=${type('entry')} ...${attributes} />`}
    <//>
    <${Field} label="Comment" error=${fault('comment')}>
      ${(id, attributes) => html`
        <input id=${id} type="text" value=${draft.comment} autocomplete="off"
          placeholder="why" onInput=${type('comment')} ...${attributes} />`}
    <//>
    <${Field} label="Expires" error=${fault('expires')}>
      ${(id, attributes) => html`
        <select id=${id} value=${draft.span} onChange=${type('span')}
          ...${attributes}>
          ${SPANS.map(([value, label]) => html`
            <option key=${value} value=${value}>${label}</option>`)}
        </select>`}
    <//>
    ${draft.span === 'date' && html`
      <${Field} label="Date">
        ${(id) => html`
          <input id=${id} type="date" value=${draft.date}
            onInput=${type('date')} />`}
      <//>`}`;
}

function bodyOf({ comment, span, date }) {
  return { comment: comment.trim() || null, expires: expiresOf(span, date) };
}

/* RFC 3339 in UTC, without fractions. */
function expiresOf(span, date) {
  const at = span === 'date'
    ? new Date(`${date}T00:00:00`) : new Date(Date.now() + span * DAY_MSECS);

  if (span === '' || Number.isNaN(at.getTime())) {
    return null;
  }
  return at.toISOString().replace(/\.\d+Z$/, 'Z');
}

/* What no field can show; an entry of the other list can be moved. */
function Refused({ problem, words, onMove }) {
  if (!problem) {
    return null;
  }
  if (problem.code === 'conflict') {
    return html`
      <${Notice} kind="warn" live title=${problem.message}>
        <p><button type="button" onClick=${onMove}>
          Move it from the ${LISTS[words.other].title.toLowerCase()}
        </button></p>
      <//>`;
  }
  return problem.errors.length > 0
    ? null : html`<${ProblemNotice} problem=${problem} />`;
}
