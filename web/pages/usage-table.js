/* The numbers of the curves. */

import { html } from '../vendor/preact.js';
import { showBytes, showScore, showTime } from '../text.js';
import { Table } from '../ui/table.js';

const ROWS = 24;

export function UsageTable({ samples }) {
  const step = Math.ceil(samples.length / ROWS);
  const rows = samples.filter(
    (sample, i) => (samples.length - 1 - i) % step === 0,
  ).reverse();

  return html`
    <details>
      <summary>As a table</summary>
      <${Table} caption="Usage" rows=${rows} columns=${COLUMNS}
        keyOf=${({ at }) => at} />
    </details>`;
}

const COLUMNS = [
  {
    id: 'at',
    label: 'When',
    cell: ({ at }) => html`<time datetime=${at}>${showTime(at)}</time>`,
  },
  ...[['1 min', 0], ['5 min', 1], ['15 min', 2]].map(([label, i]) => ({
    id: label,
    label: `Load ${label}`,
    kind: 'number',
    cell: ({ load }) => showScore(load[i]),
  })),
  {
    id: 'memory',
    label: 'Memory used',
    kind: 'number',
    cell: ({ memory, available }) => showBytes(memory - available),
  },
  {
    id: 'disks',
    label: 'Disks',
    kind: 'text',
    cell: ({ disks }) => disks.map(({ name, answers, used, free }) => (
      answers && used + free > 0
        ? `${name} ${Math.round((used / (used + free)) * 100)} %`
        : `${name} –`)).join(', '),
  },
];
