import { defineSettings } from '@muster/core';

const DEMO = 'Demo';

/** What a fleet on this machine is made of. */
export const demoSettings = defineSettings({
  indexers: {
    type: 'integer',
    environment: 'MUSTER_DEMO_INDEXERS',
    default: 2,
    min: 1,
    max: 50,
    description: 'How many indexers.',
    group: DEMO,
  },
  nodes: {
    type: 'integer',
    environment: 'MUSTER_DEMO_NODES',
    default: 2,
    min: 0,
    max: 500,
    description: 'How many nodes.',
    group: DEMO,
  },
  processes: {
    type: 'boolean',
    environment: 'MUSTER_DEMO_PROCESSES',
    default: false,
    description:
      'Give each member a process of its own, so that single ones can be killed; otherwise all run in this one. Costs about 140 MB each.',
    group: DEMO,
  },
  port: {
    type: 'integer',
    environment: 'MUSTER_DEMO_PORT',
    default: 4001,
    min: 0,
    max: 65_000,
    description: 'Port of the first member; the others follow, indexers first. 0 = any free ones.',
    group: DEMO,
  },
  data: {
    type: 'path',
    environment: 'MUSTER_DEMO_DATA',
    description: 'Folder for keys and data. Unless given: a temporary one, removed at the end.',
    group: DEMO,
  },
  'log-level': {
    type: 'text',
    environment: 'MUSTER_LOG_LEVEL',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'error',
    description: 'How much is logged. Logs go to the standard error.',
    group: DEMO,
  },
});
