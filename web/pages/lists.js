/* White- and blacklist: search, add, remove with undo. */

import { html, useEffect, useState } from '../vendor/preact.js';
import { del, put, withQuery } from '../api.js';
import { useDelayed, useResource } from '../hooks.js';
import { go, href } from '../router.js';
import { plural, showCount, showDate, showTime } from '../text.js';
import { Field } from '../ui/field.js';
import { InForce } from '../ui/force.js';
import { Loaded, Badge } from '../ui/notice.js';
import { PageHead, Time } from '../ui/page.js';
import { Pager, Table } from '../ui/table.js';
import { toast } from '../ui/toast.js';
import { AddEntry } from './add-entry.js';
import { LISTS, entryPath } from './list-words.js';

const LIMIT = 50;
const FIRST = [''];

export default function Lists({ params: { list }, query }) {
  const words = LISTS[list];

  if (!words) {
    return html`<${PageHead} title="There is no such list" />`;
  }
  return html`<${List} key=${list} list=${list} words=${words}
    query=${query} />`;
}

function List({ list, words, query }) {
  const [typed, setTyped] = useState(query.q || '');
  const [pages, setPages] = useState({ q: '', cursors: FIRST });
  const [changed, setChanged] = useState(null);
  const q = useDelayed(typed.trim(), 250);
  const cursors = pages.q === q ? pages.cursors : FIRST;
  const cursor = cursors[cursors.length - 1];
  const resource = useResource(
    withQuery(`/lists/${list}`, { q, cursor, limit: LIMIT }),
  );

  useEffect(() => {
    go(`lists/${list}`, { q }, { replace: true });
  }, [q]);

  /* The cursors of a search are of no use to another. */
  const turn = (next) => setPages({ q, cursors: next });

  const done = () => {
    setChanged(Date.now());
    resource.reload();
  };

  return html`
    <${PageHead} title="Lists" actions=${html`<${Links} list=${list} />`}>
      By the domain of the envelope sender; a domain covers its subdomains. The
      longest match decides, and on a tie the whitelist.
    <//>
    <${Tabs} list=${list} />
    <p class="after-tabs">${words.doc}</p>
    <${AddEntry} list=${list} words=${words} onAdded=${done} />
    ${changed && html`
      <${ListInForce} key=${changed} etag=${resource.etag}
        loading=${resource.loading} />`}
    <section class="card" aria-label=${words.title}>
      <div class="table-tools">
        <${Field} label="Search">
          ${(id) => html`
            <input id=${id} type="search" value=${typed} autocomplete="off"
              spellcheck="false" placeholder="part of a domain"
              onInput=${(event) => setTyped(event.target.value)} />`}
        <//>
        <p class="muted count" role="status">
          ${resource.data && countOf(resource.data, q)}
        </p>
      </div>
      <${Loaded} resource=${resource} lines=${8}>
        ${(data) => html`
          <${Entries} data=${data} words=${words} q=${q} list=${list}
            busy=${resource.loading} onChange=${done} />
          <${Pager} page=${cursors.length - 1} next=${data.cursor}
            onPrevious=${() => turn(cursors.slice(0, -1))}
            onNext=${() => turn([...cursors, data.cursor])} />`}
      <//>
    </section>`;
}

function countOf({ total, entries }, q) {
  return q
    ? `${plural(entries.length, 'match', 'matches')} here, of `
      + `${plural(total, 'entry', 'entries')}`
    : plural(total, 'entry', 'entries');
}

function Links({ list }) {
  return html`
    <a class="button" href=${href(`lists/${list}/paste`)}>Paste many</a>
    <a class="button" href=${`/api/v1/lists/${list}/export`}
      download=${`${list}.txt`}>Export</a>`;
}

function Tabs({ list }) {
  return html`
    <nav class="tabs" aria-label="Lists">
      ${Object.entries(LISTS).map(([id, { title }]) => html`
        <a key=${id} href=${href(`lists/${id}`)}
          aria-current=${id === list ? 'page' : null}>${title}</a>`)}
    </nav>`;
}

/* The version of the list is in its ETag. */
function ListInForce({ etag, loading }) {
  const [wanted, setWanted] = useState(null);

  useEffect(() => {
    if (!loading && wanted === null && etag) {
      setWanted(etag.replace(/^W\/|"/g, ''));
    }
  }, [etag, loading]);

  return wanted && html`
    <div class="card slim">
      <${InForce} lists=${wanted} />
    </div>`;
}

function Entries({ data, words, q, list, busy, onChange }) {
  const remove = async (row, button) => {
    focusNeighbour(button);
    try {
      await del(entryPath(list, row.entry));
      toast(`Removed ${row.entry}.`, {
        action: { label: 'Undo', run: () => restore(list, row, onChange) },
      });
    } catch (problem) {
      toast(problem.message, { kind: 'bad' });
    }
    onChange();
  };

  return html`
    <${Table} caption=${words.title} rows=${data.entries} busy=${busy}
      keyOf=${(row) => row.entry} columns=${columnsOf(remove)}
      empty=${q
        ? html`<p><strong>No entry has “${q}” in it.</strong></p>`
        : words.empty} />`;
}

/* The row goes, the focus stays in the table. */
function focusNeighbour(button) {
  const row = button.closest('tr');
  const other = row.nextElementSibling || row.previousElementSibling;

  (other ? other.querySelector('button') : document.getElementById('main'))
    .focus();
}

async function restore(list, { entry, comment, expires }, onChange) {
  try {
    await put(entryPath(list, entry), { body: { comment, expires } });
    toast(`${entry} is back.`);
  } catch (problem) {
    toast(problem.message, { kind: 'bad' });
  }
  onChange();
}

const columnsOf = (remove) => [
  {
    id: 'entry',
    label: 'Domain',
    kind: 'domain',
    cell: (row) => row.entry,
  },
  {
    id: 'comment',
    label: 'Comment',
    kind: 'text',
    cell: (row) => row.comment || html`<span class="muted">–</span>`,
  },
  {
    id: 'added',
    label: 'Added',
    cell: (row) => html`<${Time} at=${row.added_at} none="–" />${' '}
      ${row.added_by && html`
        <span class="muted block">by ${row.added_by}</span>`}`,
  },
  { id: 'expires', label: 'Expires', cell: (row) => expiryOf(row.expires) },
  {
    id: 'hits',
    label: 'Hits',
    kind: 'number',
    cell: (row) => showCount(row.hits || 0),
  },
  {
    id: 'last',
    label: 'Last hit',
    cell: (row) => html`<${Time} at=${row.last_hit} />`,
  },
  {
    id: 'remove',
    label: 'Remove',
    silent: true,
    kind: 'act',
    cell: (row) => html`
      <button type="button" class="quiet"
        aria-label=${`Remove ${row.entry}`}
        onClick=${(event) => remove(row, event.currentTarget)}>
        Remove</button>`,
  },
];

function expiryOf(expires) {
  if (!expires) {
    return html`<span class="muted">never</span>`;
  }
  return new Date(expires) < new Date()
    ? html`<${Badge} kind="warn">expired<//>`
    : html`<time datetime=${expires} title=${showTime(expires)}>
        ${showDate(expires)}</time>`;
}
