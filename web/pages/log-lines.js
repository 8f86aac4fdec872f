/* Lines of a log as a table; a queue id leads to its message's story. */

import { html } from '../vendor/preact.js';
import { href } from '../router.js';
import { showTime } from '../text.js';
import { Badge } from '../ui/notice.js';
import { Table } from '../ui/table.js';

const keyOf = ({ node, id }) => `${node} ${id}`;

export function Lines({ lines, busy, empty = 'There is no such line.' }) {
  return html`
    <${Table} caption="Lines, newest first" rows=${lines} keyOf=${keyOf}
      busy=${busy} columns=${COLUMNS} empty=${empty} />`;
}

const KINDS = { __proto__: null, warning: 'warn', error: 'bad', fatal: 'bad' };

const COLUMNS = [
  {
    id: 'at',
    label: 'When',
    kind: 'when',
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
    silent: true,
    kind: 'text line',
    cell: (row) => html`
      ${KINDS[row.severity] && html`
        <${Badge} kind=${KINDS[row.severity]}>${row.severity}<//> `}
      <code><${Text} row=${row} /></code>${row.cut && html`
        <span class="muted"> (cut)</span>`}`,
  },
];

function Text({ row: { text, line, queue_id: id } }) {
  if (!id || !text || !text.startsWith(`${id}:`)) {
    return text || line;
  }
  return html`<a href=${href('trace', { q: id })}
    title="What became of this message">${id}</a>${text.slice(id.length)}`;
}
