/* Many domains at once, with a report of each line that was refused. */

import { html, useEffect, useRef, useState } from '../vendor/preact.js';
import { post } from '../api.js';
import { href } from '../router.js';
import { plural, showCount } from '../text.js';
import { Field } from '../ui/field.js';
import { InForce } from '../ui/force.js';
import { Notice, ProblemNotice } from '../ui/notice.js';
import { PageHead } from '../ui/page.js';
import { Table } from '../ui/table.js';
import { LISTS } from './list-words.js';

/* A longer file is sent as it is, without being shown. */
const SHOWN_BYTES = 1 << 20;
const ROWS = 200;

export default function Paste({ params: { list } }) {
  const words = LISTS[list];
  const [text, setText] = useState('');
  const [file, setFile] = useState(null);
  const [state, setState] = useState({ busy: false });

  if (!words) {
    return html`<${PageHead} title="There is no such list" />`;
  }

  const send = async (event) => {
    event.preventDefault();
    if (state.busy || (text.trim() === '' && !file)) {
      return;
    }
    setState({ busy: true });
    try {
      const { data, etag } = await post(`/lists/${list}/import`, {
        text: file || text,
      });
      setState({ busy: false, report: data, etag });
      setFile(null);
      setText('');
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };

  const take = async (event) => {
    const chosen = event.target.files[0];

    setState({ busy: false });
    if (chosen && chosen.size <= SHOWN_BYTES) {
      setText(await chosen.text());
      setFile(null);
    } else {
      setFile(chosen || null);
    }
  };

  return html`
    <${PageHead} title=${`Paste many into the ${words.title.toLowerCase()}`}>
      A domain a line. Blank lines and what follows a # are skipped; a line that
      is no domain is refused and reported, the others are taken.
    <//>
    <form class="card" onSubmit=${send}>
      <${Source} text=${text} file=${file} setText=${setText} take=${take} />
      <div class="save">
        <button type="submit" class="main"
          aria-disabled=${state.busy || (text.trim() === '' && !file)}>
          ${state.busy ? 'Adding…' : 'Add all'}
        </button>
        <a class="button quiet" href=${href(`lists/${list}`)}>
          Back to the ${words.title.toLowerCase()}</a>
      </div>
    </form>
    ${state.problem && html`<${ProblemNotice} problem=${state.problem} />`}
    ${state.report && html`
      <${Report} report=${state.report} etag=${state.etag}
        onKeep=${setText} />`}`;
}

function Source({ text, file, setText, take }) {
  const lines = text.split('\n').filter((line) => line.trim() !== '').length;

  return html`
    <${Field} label="Domains" hint=${plural(lines, 'line')}>
      ${(id) => html`
        <textarea id=${id} rows="12" class="mono" spellcheck="false"
          autocapitalize="none" value=${text} disabled=${Boolean(file)}
          placeholder=${'spam.example\nmore.spam.example'}
          onInput=${(event) => setText(event.target.value)}></textarea>`}
    <//>
    <${Field} label="or a file" help=${file
      ? `${file.name}: ${showCount(file.size)} bytes` : 'At most 64 MiB.'}>
      ${(id) => html`
        <input id=${id} type="file" accept="text/plain,.txt,.csv,.list"
          onChange=${take} />`}
    <//>`;
}

function Report({ report, etag, onKeep }) {
  const { added, already_present: present, rejected } = report;
  const refused = report.rejected_count ?? rejected.length;
  const heading = useRef(null);

  useEffect(() => heading.current.focus(), [report]);

  return html`
    <section class="card" aria-labelledby="report">
      <h2 id="report" ref=${heading} tabindex="-1">Report</h2>
      <${Notice} kind=${refused > 0 ? 'warn' : 'good'} live
        title=${`${plural(added, 'domain')} added.`}>
        <p>Already there: ${showCount(present)}. Refused:${' '}
          ${showCount(refused)}.</p>
      <//>
      ${etag && added > 0 && html`
        <${InForce} lists=${etag.replace(/^W\/|"/g, '')} />`}
      ${rejected.length > 0 && html`
        <h3>Refused lines</h3>
        <${Table} caption="Refused lines" rows=${rejected.slice(0, ROWS)}
          keyOf=${(row) => row.line} columns=${COLUMNS} />
        ${refused > ROWS && html`
          <p class="muted">The first ${ROWS} of ${showCount(refused)}.</p>`}
        <p class="actions">
          <button type="button" onClick=${() => onKeep(
            rejected.map((row) => row.text).join('\n'),
          )}>Put them back into the box to correct them</button>
        </p>`}
    </section>`;
}

const COLUMNS = [
  {
    id: 'line',
    label: 'Line',
    kind: 'number',
    sort: (row) => row.line,
    cell: (row) => showCount(row.line),
  },
  { id: 'text', label: 'Text', kind: 'domain', cell: (row) => row.text },
  {
    id: 'reason',
    label: 'Why',
    sort: (row) => row.reason,
    cell: (row) => row.reason,
  },
];
