/* What would happen to a message, by the code that the milter runs. */

import { html, useState } from '../vendor/preact.js';
import { withQuery } from '../api.js';
import { useResource } from '../hooks.js';
import { go, href } from '../router.js';
import { sentence, showScore } from '../text.js';
import { Field } from '../ui/field.js';
import { Loaded, Notice } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';

export default function Explain({ query }) {
  const [draft, setDraft] = useState({
    sender: query.sender || '', score: query.score || '',
  });
  const asked = query.sender !== undefined;
  const resource = useResource(asked ? withQuery('/explain', query) : null);
  const type = (name) => (event) => {
    setDraft({ ...draft, [name]: event.target.value });
  };
  const ask = (event) => {
    event.preventDefault();
    go('explain', {
      sender: draft.sender.trim() || '<>',
      score: draft.score.trim().replace(',', '.'),
    });
    resource.reload();
  };

  return html`
    <${PageHead} title="What would happen to a message">
      Answered by the code and the versions that judge real mail.
    <//>
    <form class="card explain" onSubmit=${ask} novalidate>
      <${Question} draft=${draft} type=${type} problem=${resource.problem} />
      <button type="submit" class="main">Explain</button>
    </form>
    ${asked && !hasFieldProblem(resource) && html`
      <section class="card" aria-live="polite" aria-label="Answer">
        <${Loaded} resource=${resource.problem
          ? { ...resource, data: null } : resource}>
          ${(answer) => html`<${Answer} answer=${answer} />`}
        <//>
      </section>`}`;
}

const hasFieldProblem = ({ problem }) => Boolean(
  problem && problem.errors.length > 0,
);

function Question({ draft, type, problem }) {
  const fault = (name) => problem && problem.field(name);

  return html`
    <${Field} label="Envelope sender" error=${fault('sender')}
      help="As in MAIL FROM; <> is the null sender.">
      ${(id, attributes) => html`
        <input id=${id} type="text" value=${draft.sender} inputmode="email"
          autocomplete="off" autocapitalize="none" spellcheck="false"
          placeholder="news@shop.example" onInput=${type('sender')}
          ...${attributes} />`}
    <//>
    <${Field} label="Score" error=${fault('score')}
      help="Empty: only the lists decide.">
      ${(id, attributes) => html`
        <input id=${id} type="text" inputmode="decimal" value=${draft.score}
          autocomplete="off" onInput=${type('score')} ...${attributes} />`}
    <//>`;
}

const VERDICTS = {
  pass: { kind: 'good', title: 'Delivered' },
  defer: { kind: 'warn', title: 'Deferred once, then delivered' },
  junk: { kind: 'warn', title: 'Delivered into Junk' },
  reject: { kind: 'bad', title: 'Refused' },
};

function Answer({ answer }) {
  const verdict = answer.rule === 'unscored'
    ? { kind: 'info', title: 'The score decides' }
    : VERDICTS[answer.verdict] || { kind: 'info', title: answer.verdict };

  return html`
    <${Notice} kind=${verdict.kind} title=${verdict.title}>
      ${answer.text && html`<p>${sentence(answer.text)}</p>`}
    <//>
    <dl class="facts">
      <${Fact} name="Domain">${answer.domain
        || html`<span class="muted">none: no list can match</span>`}<//>
      <${Fact} name="Entry">
        ${answer.entry
          ? html`<a href=${href(`lists/${answer.list}`, { q: answer.entry })}>
              ${answer.entry}</a> on the ${answer.list}`
          : html`<span class="muted">on neither list</span>`}<//>
      <${Fact} name="Score">
        ${answer.score === null || answer.score === undefined
          ? html`<span class="muted">not given</span>`
          : showScore(answer.score)}<//>
      ${answer.reply && html`
        <${Fact} name="SMTP reply"><code>${answer.reply}</code><//>`}
      <${Fact} name="Settings">version ${answer.settings}<//>
    </dl>`;
}

function Fact({ name, children }) {
  return html`<div><dt>${name}</dt><dd>${children}</dd></div>`;
}
