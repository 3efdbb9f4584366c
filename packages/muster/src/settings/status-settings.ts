import { defineSettings } from '@muster/core';
import { addressProblem } from './address.ts';

const STATUS = 'Status endpoint';

/** How to reach the status endpoint of a node or indexer of this machine. */
export const statusSettings = defineSettings({
  status: {
    type: 'text',
    environment: 'MUSTER_STATUS',
    check: addressProblem,
    description: 'Address of the status endpoint of a running node or indexer, as its banner shows it.',
    group: STATUS,
  },
  'status-port': {
    type: 'integer',
    environment: ['OCDISCOVERY_STATUS_PORT', 'STATUS_PORT'],
    min: 0,
    max: 65_535,
    description: 'Its port on this machine, instead of the address.',
    group: STATUS,
  },
  timeout: {
    type: 'duration',
    environment: 'MUSTER_TIMEOUT',
    default: '20s',
    min: '1ms',
    max: '24h',
    description: 'How long to wait for an answer; searches go on as long as hits come.',
    group: STATUS,
  },
});
