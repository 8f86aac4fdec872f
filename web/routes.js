/*
 * Every page, once, in the order of the menu.  A page without a label is not
 * in the menu.  roles: who may see it; its module is loaded when it is opened.
 */

const MASTER = ['MasterAdmin'];
const EVERYBODY = ['MasterAdmin', 'DomainAdmin'];

export const routes = [
  {
    path: 'thresholds',
    group: 'Policy',
    label: 'Thresholds',
    title: 'Spam thresholds',
    roles: MASTER,
    load: () => import('./pages/thresholds.js'),
  },
  {
    path: 'lists/:list',
    group: 'Policy',
    label: 'Lists',
    menu: 'lists/blacklist',
    title: 'Lists',
    roles: MASTER,
    load: () => import('./pages/lists.js'),
  },
  {
    path: 'lists/:list/paste',
    title: 'Paste many domains',
    menu: 'lists/blacklist',
    roles: MASTER,
    load: () => import('./pages/paste.js'),
  },
  {
    path: 'explain',
    group: 'Policy',
    label: 'Explain',
    title: 'What would happen to a message',
    roles: EVERYBODY,
    load: () => import('./pages/explain.js'),
  },
  {
    path: 'actions',
    group: 'Server',
    label: 'Actions',
    title: 'Actions',
    roles: MASTER,
    load: () => import('./pages/actions.js'),
  },
  {
    path: 'jobs/:id',
    title: 'Job',
    menu: 'actions',
    roles: MASTER,
    load: () => import('./pages/job.js'),
  },
  {
    path: 'backups',
    group: 'Server',
    label: 'Backups',
    title: 'Backups',
    roles: MASTER,
    load: () => import('./pages/backups.js'),
  },
  {
    path: 'settings/:group',
    group: 'Server',
    label: 'Settings',
    menu: 'settings/clearing',
    title: 'Settings',
    roles: MASTER,
    load: () => import('./pages/settings.js'),
  },
  {
    path: 'trace',
    group: 'Server',
    label: 'Trace',
    title: 'Message trace',
    roles: MASTER,
    load: () => import('./pages/trace.js'),
  },
  {
    path: 'logs/:service',
    group: 'Server',
    label: 'Logs',
    menu: 'logs/postfix',
    title: 'Server logs',
    roles: MASTER,
    load: () => import('./pages/logs.js'),
  },
  {
    path: 'usage',
    group: 'Server',
    label: 'Usage',
    title: 'Usage',
    roles: MASTER,
    load: () => import('./pages/usage.js'),
  },
  {
    path: 'nodes',
    group: 'Server',
    label: 'Nodes',
    title: 'In force at each node',
    roles: MASTER,
    load: () => import('./pages/nodes.js'),
  },
  {
    path: 'history',
    group: 'Server',
    label: 'History',
    title: 'History of the settings',
    roles: MASTER,
    load: () => import('./pages/history.js'),
  },
  {
    path: 'audit',
    group: 'Server',
    label: 'Audit',
    title: 'Audit log',
    roles: MASTER,
    load: () => import('./pages/audit.js'),
  },
  {
    path: 'about',
    group: 'Server',
    label: 'About',
    title: 'About',
    roles: MASTER,
    load: () => import('./pages/about.js'),
  },
];

export const menuOf = (role) => routes.filter(
  (route) => route.label && route.roles.includes(role),
);

/* Where a menu entry leads. */
export const target = (route) => route.menu || route.path;
