import { defineSettings } from '@muster/core';
import { addressProblem } from './address.ts';

const SOURCES = 'Sources';
const PAGE = 'Page';

/** Where a page listens unless it is told otherwise. */
export const DEFAULT_PAGE_PORT = 9180;

/** What a page shows, and where. */
export const pageSettings = defineSettings({
  'registry-http': {
    type: 'text',
    environment: 'MUSTER_REGISTRY_HTTP',
    check: addressProblem,
    description: 'Address of the HTTP interface of a registry; it needs the admin token.',
    group: SOURCES,
  },
  'admin-token': {
    type: 'secret',
    environment: 'MUSTER_ADMIN_TOKEN',
    description: "The registry's admin token, with the scope `read`.",
    group: SOURCES,
  },
  status: {
    type: 'list',
    environment: 'MUSTER_PAGE_STATUS',
    default: [],
    check: addressProblem,
    description: 'Address of the status endpoint of a node or indexer.',
    group: SOURCES,
  },
  mirror: {
    type: 'list',
    environment: 'MUSTER_PAGE_MIRROR',
    default: [],
    check: addressProblem,
    description: 'Address for monitoring of a mirror, as its banner shows it.',
    group: SOURCES,
  },
  title: {
    type: 'text',
    environment: 'MUSTER_PAGE_TITLE',
    default: 'Muster',
    check: (text) => (text.length <= 100 ? undefined : 'longer than 100 characters'),
    description: 'What the page is headed with.',
    group: PAGE,
  },
  host: {
    type: 'text',
    environment: 'MUSTER_PAGE_HOST',
    default: '127.0.0.1',
    description:
      'Address to listen on. Whoever reaches it sees who is in the fleet and where: put a proxy that asks who they are in front of any but a loopback address.',
    group: PAGE,
  },
  port: {
    type: 'integer',
    environment: 'MUSTER_PAGE_PORT',
    default: DEFAULT_PAGE_PORT,
    min: 0,
    max: 65_535,
    description: 'Port to listen on; 0 = any free one.',
    group: PAGE,
  },
  'allow-host': {
    type: 'list',
    environment: 'MUSTER_PAGE_ALLOW_HOST',
    default: [],
    check: (name) => (/^[a-z0-9.-]{1,253}$/i.test(name) ? undefined : 'not the name of a host'),
    description:
      'Name under which browsers may call the page, beside those of this machine: the one that a proxy passes on.',
    group: PAGE,
  },
  'log-level': {
    type: 'text',
    environment: 'MUSTER_LOG_LEVEL',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'info',
    description: 'How much is logged. Logs go to the standard error.',
    group: PAGE,
  },
});
