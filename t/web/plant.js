/* Jobs in Redis, as the API and the workers of several servers write them. */

'use strict';

const { randomBytes } = require('node:crypto');
const { redis } = require('./browser.js');

const QUEUED = 'queued';
let planted = 0;

const timeOf = (msecs) => new Date(msecs).toISOString()
  .replace(/\.\d+Z$/, 'Z');

/*
 * job: what differs from a recalculation of all; nodes: by name what differs
 * from a node that is done, with errors and details, or "queued".  age is in
 * minutes.  Returns the id.
 */
function plant(job = {}, nodes = {}, age = 0) {
  planted += 1;
  const at = Date.now() - age * 60000 + planted;
  const id = at.toString(16).padStart(12, '0') + randomBytes(6).toString('hex');
  const whole = {
    id, action: 'quota-recalc', target: '', rate: 0, dry_run: false,
    junk_days: 0, trash_days: 0, nodes: Object.keys(nodes),
    created_by: 'admin', created_at: timeOf(at), request_id: '', ...job,
  };

  redis('HSET', `mp:{jobs}:j:${id}`, 'job', JSON.stringify(whole));
  redis('ZADD', 'mp:{jobs}:index', String(at), id);
  progress(id, nodes);
  return id;
}

/* How far the nodes are now; tells everybody who watches the job. */
function progress(id, nodes) {
  for (const [name, node] of Object.entries(nodes)) {
    if (node !== QUEUED) {
      const { errors = [], details = [], ...counts } = node;

      redis('HSET', `mp:{jobs}:p:${id}`,
        `n:${name}`, JSON.stringify({ ...DONE, ...counts }),
        `e:${name}`, JSON.stringify(errors),
        `d:${name}`, JSON.stringify(details));
    }
  }
  redis('XADD', 'mp:{jobs}:events', '*', 'id', id);
}

const DONE = {
  state: 'done', total: 10, done: 10, failed: 0, skipped: 0, drifted: 0,
  bytes_before: 0, bytes_after: 0, folders: 0, messages: 0, bytes: 0,
  eta: null, started_at: '2026-03-01T10:00:00Z',
  ended_at: '2026-03-01T10:00:42Z', text: null,
};

module.exports = { plant, progress };
