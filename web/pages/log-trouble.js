/* Why lines or messages may be missing: what the agents say of the logs. */

import { html } from '../vendor/preact.js';
import { silentSince } from '../nodes.js';
import { sentence, showTime } from '../text.js';
import { Notice } from '../ui/notice.js';
import { useAgents } from './agent-cards.js';

const UNREAD = /^the log of (.+?) is not followed: /;

/* of: a pattern of the programs whose logs matter here. */
export function LogTrouble({ of }) {
  const agents = useAgents();
  const wanted = new RegExp(of);

  if (!agents) {
    return html`<div></div>`;
  }
  if (agents.length === 0) {
    return html`
      <${Banner} title="No agent has reported.">
        <p>mailportal-agent, at each mail server, reads the logs. Install and
          start it there.</p>
      <//>`;
  }
  return html`
    <div>${agents.map((agent) => html`
      <${Trouble} key=${agent.node} agent=${agent} wanted=${wanted} />`)}</div>`;
}

function Trouble({ agent: { node, problems, stale }, wanted }) {
  const since = silentSince({ problems });
  const unread = problems.filter((text) => {
    const found = UNREAD.exec(text);

    return found && wanted.test(found[1]);
  });

  if (since) {
    return html`
      <${Banner} title=${`The agent at ${node} does not answer.`}>
        <p>Nothing has come from there since ${showTime(since)}. What is written
          meanwhile is read when it is started again:
          ${' '}<code>systemctl status mailportal-agent</code></p>
      <//>`;
  }
  if (unread.length > 0) {
    return html`
      <${Banner} title=${`A log is not read at ${node}.`}>
        ${unread.map((text) => html`<p key=${text}>${sentence(text)}</p>`)}
        <p>It goes on by itself as soon as the file can be read;
          ${' '}<code>mailportal-agent --check</code> there says more.</p>
      <//>`;
  }
  return stale && html`
    <${Banner} title=${`The agent at ${node} is not up to date.`}>
      ${problems.map((text) => html`<p key=${text}>${sentence(text)}</p>`)}
    <//>`;
}

function Banner({ title, children }) {
  return html`
    <div class="banner">
      <${Notice} kind="warn" title=${title}>${children}<//>
    </div>`;
}
