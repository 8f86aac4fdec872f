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

/* The ids of the pairs [lower, upper], lowest first. */
export function chainOf(order) {
  const chain = [];
  let pairs = order;

  while (pairs.length > 0) {
    const lowest = pairs.map(([lower]) => lower)
      .find((id) => !pairs.some(([, upper]) => upper === id));

    if (lowest === undefined) {
      break;
    }
    chain.push(lowest);
    pairs = pairs.filter(([lower]) => lower !== lowest);
  }
  const rest = order.map(([, upper]) => upper);

  return [...new Set([...chain, ...rest])];
}
