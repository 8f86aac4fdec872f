/* The newest lines of Postfix and Dovecot: searched, paged, followed. */

import { html, useEffect, useState } from '../vendor/preact.js';
import { eventsOf, withQuery } from '../api.js';
import { useDelayed, useResource } from '../hooks.js';
import { href } from '../router.js';
import { showTime } from '../text.js';
import { Field } from '../ui/field.js';
import { Switch } from '../ui/inputs.js';
import { Badge, Loaded } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { Pager, Table } from '../ui/table.js';

const SERVICES = { __proto__: null, postfix: 'Postfix', dovecot: 'Dovecot' };
const SEVERITIES = ['debug', 'info', 'warning', 'error', 'fatal'];
const LIMIT = 100;
const FOLLOWED = 500;
const REST_MSECS = 300;
const NOTHING = { q: '', severity: '' };

export default function Logs({ params: { service } }) {
  if (!SERVICES[service]) {
    return html`<${PageHead} title="There is no such log" />`;
  }
  return html`
    <${PageHead} title="Server logs">
      The newest 10,000 lines of each server.
    <//>
    <nav class="tabs" aria-label="Logs">
      ${Object.entries(SERVICES).map(([id, label]) => html`
        <a key=${id} href=${href(`logs/${id}`)}
          aria-current=${id === service ? 'page' : null}>${label}</a>`)}
    </nav>
    <${Log} key=${service} service=${service} />`;
}

function Log({ service }) {
  const [filter, setFilter] = useState(NOTHING);
  const [follow, setFollow] = useState(false);
  const late = useDelayed(filter, REST_MSECS);
  const path = `/logs/${service}`;
  const put = (changes) => setFilter({ ...filter, ...changes });

  return html`
    <section class="card after-tabs" aria-label=${SERVICES[service]}>
      <div class="start">
        <${Filters} filter=${filter} put=${put} />
        <${Switch} label="Follow" name="Follow what comes" checked=${follow}
          onChange=${(event) => setFollow(event.target.checked)} />
        <a class="button" download=${`${service}.log`}
          href=${`/api/v1${withQuery(path, { ...late, format: 'text' })}`}>
          Download</a>
      </div>
      <${follow ? Followed : Pages} key=${JSON.stringify(late)} path=${path}
        filter=${late} />
    </section>`;
}

function Filters({ filter, put }) {
  return html`
    <${Field} label="Search">
      ${(id) => html`
        <input id=${id} type="search" value=${filter.q} autocomplete="off"
          spellcheck="false" placeholder="part of a line"
          onInput=${(event) => put({ q: event.target.value })} />`}
    <//>
    <${Field} label="From">
      ${(id) => html`
        <select id=${id} value=${filter.severity}
          onChange=${(event) => put({ severity: event.target.value })}>
          <option value="">all lines</option>
          ${SEVERITIES.slice(2).map((name) => html`
            <option key=${name} value=${name}>${name}</option>`)}
        </select>`}
    <//>`;
}

function Pages({ path, filter }) {
  const [cursors, setCursors] = useState(['']);
  const cursor = cursors[cursors.length - 1];
  const resource = useResource(
    withQuery(path, { ...filter, cursor, limit: LIMIT }),
  );

  return html`
    <${Loaded} resource=${resource} lines=${10}>
      ${(data) => html`
        <${Lines} lines=${[...data.lines].reverse()} busy=${resource.loading} />
        <${Pager} page=${cursors.length - 1} next=${data.cursor}
          onPrevious=${() => setCursors(cursors.slice(0, -1))}
          onNext=${() => setCursors([...cursors, data.cursor])} />`}
    <//>`;
}

/* The newest first, as they come. */
function Followed({ path, filter }) {
  const [lines, setLines] = useState([]);

  useEffect(() => {
    const source = eventsOf(withQuery(`${path}/stream`, filter));
    const take = (event) => {
      const line = JSON.parse(event.data);

      setLines((old) => [line, ...old].slice(0, FOLLOWED));
    };

    source.addEventListener('line', take);
    return () => source.close();
  }, []);

  return html`
    <${Lines} lines=${lines} empty="Waiting for the next line." />`;
}

const keyOf = ({ node, id }) => `${node} ${id}`;

function Lines({ lines, busy, empty = 'There is no such line.' }) {
  return html`
    <${Table} caption="Lines, newest first" rows=${lines} keyOf=${keyOf}
      busy=${busy} columns=${COLUMNS} empty=${empty} />`;
}

const KINDS = { __proto__: null, warning: 'warn', error: 'bad', fatal: 'bad' };

const COLUMNS = [
  {
    id: 'at',
    label: 'When',
    cell: ({ at, node }) => html`<time datetime=${at}>${showTime(at)}</time>
      <span class="muted block">${node}</span>`,
  },
  {
    id: 'process',
    label: 'Of',
    kind: 'text',
    cell: ({ process }) => process,
  },
  {
    id: 'text',
    label: 'Line',
    kind: 'text',
    cell: ({ text, line, severity, cut }) => html`
      ${KINDS[severity] && html`
        <${Badge} kind=${KINDS[severity]}>${severity}<//> `}
      <code>${text || line}</code>${cut && html`
        <span class="muted"> (cut)</span>`}`,
  },
];
