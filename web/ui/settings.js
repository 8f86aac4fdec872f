/*
 * One group of the settings document as a form.  What is typed is a draft on
 * top of the version it began with; saving sends only what differs, with
 * If-Match, so that nobody's change is overwritten unseen.
 */

import { useEffect, useMemo, useState } from '../vendor/preact.js';
import { get, patch } from '../api.js';
import { useResource } from '../hooks.js';
import { chainOf, loadSchema } from '../schema.js';
import { showScore } from '../text.js';
import { SCORE_OFF, typeOf } from './types.js';

export const versionOf = (etag) => Number(/\d+/.exec(etag || '0')[0]);

export function useSettings(groupId) {
  const resource = useResource('/settings');
  const schema = useSchema(resource.data);
  const [base, setBase] = useState(null);
  const [drafts, setDrafts] = useState({});
  const [result, setResult] = useState(NOTHING);
  const clean = Object.keys(drafts).length === 0;

  useEffect(() => {
    if (resource.data && (clean || base === null)) {
      setBase({ doc: resource.data, etag: resource.etag });
    }
  }, [resource.data, resource.etag]);

  const group = schema.groups
    && schema.groups.find((candidate) => candidate.id === groupId);
  const form = useMemo(
    () => (group && base ? judge(group, base.doc[groupId], drafts) : null),
    [group, base, drafts],
  );

  const put = (id, draft) => {
    setDrafts((all) => ({ ...all, [id]: draft }));
    setResult((old) => ({ ...NOTHING, conflict: old.conflict }));
  };
  const discard = () => {
    setDrafts({});
    setResult(NOTHING);
    setBase({ doc: resource.data, etag: resource.etag });
  };

  const save = async () => {
    setResult({ ...NOTHING, busy: true });
    try {
      const { data, etag } = await patch('/settings', {
        body: { [groupId]: form.changes }, ifMatch: base.etag,
      });
      resource.set(data, etag);
      setBase({ doc: data, etag });
      setDrafts({});
      setResult({ ...NOTHING, saved: { version: versionOf(etag) } });
    } catch (problem) {
      setResult(problem.status === 412
        ? { ...NOTHING, conflict: await readConflict(base) }
        : { ...NOTHING, problem });
    }
  };

  /* On with their version: with the draft on top of it, or without. */
  const resolve = (keep) => {
    const { doc, etag } = result.conflict;

    resource.set(doc, etag);
    setBase({ doc, etag });
    setResult(NOTHING);
    if (!keep) {
      setDrafts({});
    }
  };

  return {
    ...result,
    group,
    groups: schema.groups,
    form,
    version: base && versionOf(base.etag),
    loading: { ...resource, problem: resource.problem || schema.problem },
    put,
    discard,
    save,
    resolve,
  };
}

/* Asked for again, if need be, whenever the settings arrive. */
function useSchema(settings) {
  const [schema, setSchema] = useState({ groups: null, problem: null });

  useEffect(() => {
    loadSchema().then(
      (groups) => setSchema({ groups, problem: null }),
      (problem) => setSchema({ groups: null, problem }),
    );
  }, [settings]);

  return schema;
}

const NOTHING = { busy: false, problem: null, conflict: null, saved: null };

/* What is typed in the group: per field the draft, value and error. */
function judge(group, stored, drafts) {
  const fields = {};
  const changes = {};

  for (const setting of group.settings) {
    const type = typeOf(setting);
    const before = stored[setting.id];
    const draft = drafts[setting.id] ?? type.draft(before);
    const error = type.check(setting, draft);
    const value = error ? undefined : type.value(draft);

    fields[setting.id] = {
      setting, type, draft, value, error,
      stored: setting.type === 'secret' ? stored[`${setting.id}_set`] : before,
    };
    if (value !== undefined
        && JSON.stringify(value) !== JSON.stringify(before)) {
      changes[setting.id] = value;
    }
  }

  const chain = chainOf(group.order);
  const broken = checkOrder(chain, fields);
  const errors = Object.values(fields).some((field) => field.error);

  return {
    fields,
    chain,
    changes,
    broken,
    changed: Object.keys(changes).length > 0 || errors,
    valid: !errors && !broken,
  };
}

/* Among the levels that are on, each must be below the next. */
function checkOrder(chain, fields) {
  const on = chain.map((id) => fields[id]).filter(
    (field) => field.value !== undefined && field.value !== SCORE_OFF,
  );

  for (const [i, upper] of on.entries()) {
    const lower = on[i - 1];

    if (lower && lower.value >= upper.value) {
      lower.error = `Must be below “${upper.setting.label}”, `
        + `which is ${showScore(upper.value)}.`;
      return { lower, upper };
    }
  }
  return null;
}

/* What others saved since base. */
async function readConflict(base) {
  const mine = versionOf(base.etag);

  try {
    const [settings, history] = await Promise.all([
      get('/settings'), get('/settings/history?limit=20'),
    ]);
    return {
      doc: settings.data,
      etag: settings.etag,
      versions: history.data.versions.filter((v) => v.version > mine),
    };
  } catch {
    return { doc: base.doc, etag: base.etag, versions: [] };
  }
}
