/* The versions of the settings: who changed what, and back to an old one. */

import { html, useEffect, useState } from '../vendor/preact.js';
import { post, withQuery } from '../api.js';
import { useResource } from '../hooks.js';
import { loadSchema } from '../schema.js';
import { showTime } from '../text.js';
import { Dialog } from '../ui/dialog.js';
import { InForce } from '../ui/force.js';
import { Changes } from '../ui/form.js';
import { Badge, Loaded, Notice, ProblemNotice } from '../ui/notice.js';
import { PageHead, Time } from '../ui/page.js';
import { versionOf } from '../ui/settings.js';
import { Pager, Table } from '../ui/table.js';

const LIMIT = 20;

export default function History() {
  const [starts, setStarts] = useState([null]);
  const [groups, setGroups] = useState(null);
  const [asked, setAsked] = useState(null);
  const [restored, setRestored] = useState(null);
  const resource = useResource(withQuery('/settings/history', {
    limit: LIMIT, before: starts[starts.length - 1],
  }));
  const settings = useResource('/settings');
  const current = versionOf(settings.etag);

  useEffect(() => {
    loadSchema().then(setGroups, () => {});
  }, [resource.data]);

  const done = (version, from) => {
    setAsked(null);
    setRestored({ version, from });
    setStarts([null]);
    settings.reload();
    resource.reload();
  };

  return html`
    <${PageHead} title="History of the settings">
      Every version that was ever in force. To restore one is to save it again
      as the newest: nothing is lost.
    <//>
    ${restored && html`
      <${Notice} kind="good" live title=${`Version ${restored.from} is in `
        + `force again, as version ${restored.version}.`}>
        <${InForce} settings=${restored.version} key=${restored.version} />
      <//>`}
    <section class="card">
      <${Loaded} resource=${resource} lines=${8}>
        ${({ versions, next }) => html`
          <${Table} caption="Versions" rows=${versions}
            keyOf=${(row) => row.version} busy=${resource.loading}
            columns=${columnsOf(current, groups, setAsked)}
            empty=${html`<p><strong>No version yet.</strong></p>`} />
          <${Pager} page=${starts.length - 1} next=${next}
            onPrevious=${() => setStarts(starts.slice(0, -1))}
            onNext=${() => setStarts([...starts, next])} />`}
      <//>
    </section>
    ${asked && html`
      <${Restore} version=${asked} etag=${settings.etag} onDone=${done}
        onClose=${() => setAsked(null)} />`}`;
}

const columnsOf = (current, groups, onRestore) => [
  {
    id: 'version',
    label: 'Version',
    cell: (row) => html`<span class="narrow">Version </span>${row.version}`,
  },
  {
    id: 'at',
    label: 'When',
    cell: (row) => html`<${Time} at=${row.at} />`,
  },
  { id: 'actor', label: 'Who', kind: 'text', cell: (row) => row.actor },
  {
    id: 'changes',
    label: 'What',
    kind: 'text',
    cell: (row) => html`
      <${Changes} changes=${row.changes} groups=${groups} />`,
  },
  {
    id: 'restore',
    label: 'Restore',
    silent: true,
    kind: 'act',
    cell: (row) => (row.version === current
      ? html`<${Badge} kind="good">current<//>`
      : html`
        <button type="button" class="quiet" onClick=${() => onRestore(row)}
          aria-label=${`Restore version ${row.version}`}>Restore</button>`),
  },
];

function Restore({ version, etag, onDone, onClose }) {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);

  const restore = async () => {
    setBusy(true);
    try {
      const answer = await post('/settings/restore', {
        body: { version: version.version }, ifMatch: etag,
      });
      onDone(versionOf(answer.etag), version.version);
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
    }
  };

  return html`
    <${Dialog} title=${`Restore version ${version.version}?`}
      onClose=${onClose}
      actions=${html`
        <button type="button" class="main" disabled=${busy}
          onClick=${restore}>Restore version ${version.version}</button>`}>
      <p>All settings become what they were on ${showTime(version.at)}, when
        ${' '}<strong>${version.actor}</strong> saved them.</p>
      ${problem && html`<${ProblemNotice} problem=${problem} />`}
    <//>`;
}
