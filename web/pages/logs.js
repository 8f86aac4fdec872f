/* The newest lines of Postfix and Dovecot: searched, paged, followed. */

import { html, useEffect, useRef, useState } from '../vendor/preact.js';
import { withQuery } from '../api.js';
import { useDelayed, useResource } from '../hooks.js';
import { go, href } from '../router.js';
import { sheet } from '../sheet.js';
import { Field } from '../ui/field.js';
import { Switch } from '../ui/inputs.js';
import { Loaded } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { Pager } from '../ui/table.js';
import { useAgents } from './agent-cards.js';
import { Followed } from './log-follow.js';
import { Lines } from './log-lines.js';
import { LogTrouble } from './log-trouble.js';

await sheet('logs.css');

const SERVICES = { __proto__: null, postfix: 'Postfix', dovecot: 'Dovecot' };
const SEVERITIES = ['info', 'warning', 'error', 'fatal'];
const LIMIT = 200;
const KEPT = 10000;
const REST_MSECS = 300;
const FILTERS = ['q', 'severity', 'queue_id', 'address', 'node'];

/* As Postfix makes them, short and long; the server has the last word. */
const QUEUE_ID = /^([0-9A-F]{6,16}|(?=.*z)[0-9b-df-hj-np-tv-z]{12,24})$/i;

export default function Logs({ params: { service }, query }) {
  if (!SERVICES[service]) {
    return html`<${PageHead} title="There is no such log" />`;
  }
  return html`
    <${PageHead} title="Server logs">
      The newest 10,000 lines of each server. What became of one message is told
      by the <a href=${href('trace')}>message trace</a>.
    <//>
    <${LogTrouble} of=${SERVICES[service]} />
    <nav class="tabs" aria-label="Logs">
      ${Object.entries(SERVICES).map(([id, label]) => html`
        <a key=${id} href=${href(`logs/${id}`)}
          aria-current=${id === service ? 'page' : null}>${label}</a>`)}
    </nav>
    <${Log} key=${service} service=${service} query=${query} />`;
}

const filterOf = (query) => Object.fromEntries(
  FILTERS.map((name) => [name, query[name] || '']),
);

const faultOf = ({ queue_id: id }) => (id && !QUEUE_ID.test(id)
  ? 'Not a queue id of Postfix.' : null);

/* What is asked is in the address, so that others can lead here. */
function useFilter(service, query) {
  const [typed, setTyped] = useState(filterOf(query));
  const late = useDelayed(typed, REST_MSECS);
  const here = JSON.stringify(filterOf(query));
  const put = useRef(here);

  useEffect(() => {
    if (here !== put.current) {
      put.current = here;
      setTyped(filterOf(query));
    }
  }, [here]);

  useEffect(() => {
    const asked = JSON.stringify(trimmed(late));

    if (late === typed && asked !== put.current && !faultOf(trimmed(late))) {
      put.current = asked;
      go(`logs/${service}`, trimmed(late), { replace: true });
    }
  }, [late]);

  return [typed, setTyped, filterOf(query)];
}

const trimmed = (filter) => Object.fromEntries(
  Object.entries(filter).map(([name, text]) => [name, text.trim()]),
);

function Log({ service, query }) {
  const [typed, setTyped, filter] = useFilter(service, query);
  const [follow, setFollow] = useState(false);
  const path = `/logs/${service}`;

  return html`
    <section class="card after-tabs" aria-label=${SERVICES[service]}>
      <${Filters} service=${service} filter=${typed}
        put=${(changes) => setTyped({ ...typed, ...changes })} />
      <div class="log-tools">
        <${Switch} label="Follow" name="Follow what comes" checked=${follow}
          onChange=${(event) => setFollow(event.target.checked)} />
        <${Download} service=${service} path=${path} filter=${filter} />
      </div>
      <${follow ? Followed : Pages} key=${JSON.stringify(filter)} path=${path}
        filter=${filter} limit=${LIMIT} />
    </section>`;
}

function Download({ service, path, filter }) {
  const some = Object.values(filter).some((text) => text !== '');

  return html`
    <div class="log-download">
      <a class="button" download=${`${service}.log`}
        href=${`/api/v1${withQuery(path, {
          ...filter, format: 'text', limit: KEPT,
        })}`}>Download ${some ? 'all that match' : 'all lines'}</a>
      <span class="muted small">As they are in the file, up to now;
        10,000 at most.</span>
    </div>`;
}

function Filters({ service, filter, put }) {
  const type = (name) => (event) => put({ [name]: event.target.value });

  return html`
    <div class="filters">
      <${Text} label="Search" value=${filter.q} type="search"
        placeholder="part of a line" onInput=${type('q')} />
      <${Field} label="Severity">
        ${(id) => html`
          <select id=${id} value=${filter.severity}
            onChange=${type('severity')}>
            <option value="">all lines</option>
            ${SEVERITIES.map((name) => html`
              <option key=${name} value=${name}>
                ${name}${name === 'fatal' ? '' : ' and worse'}</option>`)}
          </select>`}
      <//>
      <${Text} label="Address" value=${filter.address}
        placeholder="mail or client" onInput=${type('address')} />
      ${service === 'postfix' && html`
        <${Text} label="Queue id" value=${filter.queue_id}
          error=${faultOf(trimmed(filter))} placeholder="of one message"
          onInput=${type('queue_id')} />`}
      <${Nodes} node=${filter.node} onChange=${type('node')} />
    </div>`;
}

function Text({ label, value, error, type = 'text', placeholder, onInput }) {
  return html`
    <${Field} label=${label} error=${error}>
      ${(id, attributes) => html`
        <input id=${id} type=${type} value=${value} autocomplete="off"
          autocapitalize="none" spellcheck="false" placeholder=${placeholder}
          onInput=${onInput} ...${attributes} />`}
    <//>`;
}

function Nodes({ node, onChange }) {
  const names = new Set((useAgents() || []).map((agent) => agent.node));

  if (node) {
    names.add(node);
  }
  return html`
    <${Field} label="Node">
      ${(id) => html`
        <select id=${id} value=${node} onChange=${onChange}>
          <option value="">all nodes</option>
          ${[...names].sort().map((name) => html`
            <option key=${name} value=${name}>${name}</option>`)}
        </select>`}
    <//>`;
}

function Pages({ path, filter, limit }) {
  const [cursors, setCursors] = useState(['']);
  const cursor = cursors[cursors.length - 1];
  const resource = useResource(withQuery(path, { ...filter, cursor, limit }));
  const turn = (next) => {
    setCursors(next);
    document.getElementById('main').scrollIntoView();
  };

  return html`
    <${Loaded} resource=${resource} lines=${10}>
      ${(data) => html`
        <${Lines} lines=${[...data.lines].reverse()} busy=${resource.loading} />
        <${Pager} page=${cursors.length - 1} next=${data.cursor}
          onPrevious=${() => turn(cursors.slice(0, -1))}
          onNext=${() => turn([...cursors, data.cursor])} />`}
    <//>`;
}
