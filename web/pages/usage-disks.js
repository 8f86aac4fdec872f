/* The disks of a node: how full, of bytes and of inodes, and until when. */

import { html } from '../vendor/preact.js';
import { about, showBytes, showCount } from '../text.js';
import { Curve } from '../ui/curve.js';
import { Badge } from '../ui/notice.js';
import { Progress } from '../ui/progress.js';

const DAY = 86400;
const WARN = 85;
const BAD = 95;

export function Disks({ disks, at, samples }) {
  const known = disks.filter(({ answers }) => answers);

  if (disks.length === 0) {
    return html`<p class="muted">None is watched.</p>`;
  }
  return html`
    <ul class="disks" aria-label="Disks">
      ${disks.map((disk) => html`
        <li key=${disk.name}><${Disk} disk=${disk} /></li>`)}
    </ul>
    ${known.length > 0 && html`
      <${Curve} label="Disks" at=${at} show=${showPart} max=${100}
        series=${known.map(({ name }) => ({
          label: name, values: samples.map((one) => partOf(one, name)),
        }))} />`}`;
}

const showPart = (value) => `${Math.round(value)} %`;
const percent = (used, all) => (all > 0 ? (used / all) * 100 : 0);

/* How full it was, null where that is not known. */
function partOf({ disks }, name) {
  const disk = disks.find((one) => one.name === name);

  return disk && disk.answers
    ? percent(disk.used, disk.used + disk.free) : null;
}

function Disk({ disk }) {
  const { name, path, answers } = disk;

  return html`
    <h4>${name} <code class="muted">${path}</code>${' '}
      ${answers ? html`<${Full} disk=${disk} />`
        : html`<${Badge} kind="bad">does not answer<//>`}</h4>
    ${answers && html`
      <${Bar} name=${name} what="space" used=${disk.used}
        all=${disk.used + disk.free} show=${showBytes} />
      ${disk.inodes > 0 && html`
        <${Bar} name=${name} what="inodes" used=${disk.inodes_used}
          all=${disk.inodes} show=${showCount} />`}`}`;
}

/* When the trend of the last days goes on. */
function Full({ disk: { full_secs: secs } }) {
  if (secs === null) {
    return null;
  }
  return html`
    <${Badge} kind=${secs < 7 * DAY ? 'bad' : 'warn'}>${secs === 0 ? 'full'
      : `full in ${about(secs)}`}<//>`;
}

function Bar({ name, what, used, all, show }) {
  const part = percent(used, all);

  return html`
    <div class="disk-bar">
      <${Progress} label=${`${what} used of ${name}`} done=${used} total=${all}
        kind=${kindOf(part)} />
      <span>${show(used)} of ${show(all)} ${what} (${showPart(part)})${
        part >= WARN && html` <${Badge} kind=${kindOf(part)}>nearly full<//>`
      }</span>
    </div>`;
}

function kindOf(part) {
  if (part >= BAD) {
    return 'bad';
  }
  return part >= WARN ? 'warn' : null;
}
