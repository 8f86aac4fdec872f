/* The settings table of the server, as the forms use it. */

import { get } from './api.js';

let loading = null;

/* The groups, each with its order rules as pairs of ids; asked for once. */
export function loadSchema() {
  if (loading === null) {
    loading = get('/schema').then(({ data }) => withOrder(data));
    loading.catch(() => { loading = null; });
  }
  return loading;
}

function withOrder({ groups, order }) {
  return groups.map((group) => ({
    ...group,
    order: order
      .filter(({ lower }) => lower.startsWith(`${group.id}.`))
      .map((rule) => [idOf(rule.lower), idOf(rule.upper)]),
  }));
}

const idOf = (name) => name.slice(name.indexOf('.') + 1);

/* "antispam.reject" is in words "Reject from". */
export function labelOf(groups, field) {
  for (const group of groups || []) {
    for (const setting of group.settings) {
      if (`${group.id}.${setting.id}` === field) {
        return setting.label;
      }
    }
  }
  return field;
}

/*
 * The pairs [lower, upper] as one chain, lowest first: [[b, c], [a, b]] gives
 * [a, b, c].
 */
export function chainOf(order) {
  const uppers = new Set(order.map(([, upper]) => upper));
  const next = new Map(order);
  const chain = [];

  let id = order.map(([lower]) => lower).find((lower) => !uppers.has(lower));

  while (id !== undefined && !chain.includes(id)) {
    chain.push(id);
    id = next.get(id);
  }
  return chain;
}
