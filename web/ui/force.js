/*
 * Where a change is in force already: asks /nodes until every node has it.
 * settings is a version, lists a stream id ("<ms>-<n>").  component: only its
 * nodes are of interest.
 */

import { html, useEffect, useState } from '../vendor/preact.js';
import { followsLists, useNodes } from '../nodes.js';
import { showMsecs } from '../text.js';
import { Badge } from './notice.js';

const ASK_MSECS = 500;
const PATIENCE_MSECS = 20000;

export function InForce({ settings = null, lists = null, component = null }) {
  const [waiting, setWaiting] = useState(true);
  const { data } = useNodes(waiting ? ASK_MSECS : 0);
  const nodes = (data ? data.nodes : []).filter((node) => (
    (component === null || node.component === component)
      && (lists === null || followsLists(node))
  ));
  const has = (node) => (settings === null || node.settings >= settings)
    && (lists === null || compareIds(node.lists, lists) >= 0);
  const all = nodes.length > 0 && nodes.every(has);

  useEffect(() => {
    const timer = setTimeout(() => setWaiting(false), PATIENCE_MSECS);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (all) {
      setWaiting(false);
    }
  }, [all]);

  return html`
    <ul class="in-force" aria-label="In force at">
      ${nodes.map((node) => html`
        <li key=${`${node.component} ${node.node}`}>
          <span>${node.component} on ${node.node}</span>
          <${State} node=${node} has=${has(node)} waiting=${waiting} />
        </li>`)}
      ${data && nodes.length === 0 && html`
        <li>${component === null ? 'No node'
          : `No ${component} node`} has reported yet.</li>`}
    </ul>`;
}

function State({ node, has, waiting }) {
  if (has) {
    return html`
      <${Badge} kind="good">in force after ${showMsecs(node.lag_ms)}<//>`;
  }
  if (node.stale) {
    return html`<${Badge} kind="bad">not answering<//>`;
  }
  return waiting
    ? html`<${Badge}>waiting…<//>`
    : html`<${Badge} kind="warn">still behind<//>`;
}

/* Order of stream ids; "" is before all. */
export function compareIds(a, b) {
  const [aTime = 0, aNumber = 0] = (a || '0').split('-').map(Number);
  const [bTime = 0, bNumber = 0] = (b || '0').split('-').map(Number);

  return aTime - bTime || aNumber - bNumber;
}
