import { defineSettings } from '@muster/core';
import { DEFAULT_FLEET_FOLDER } from '../fleet/fleet-files.ts';

const SHOWN = 'What is shown';

/** Which fleet is looked at. */
export const topSettings = defineSettings({
  page: {
    type: 'text',
    environment: 'MUSTER_PAGE',
    check: (text) =>
      /^http:\/\/[^/\s]+\/?$/.test(text) ? undefined : 'not a URL such as http://127.0.0.1:9180/',
    description: 'Address of the page of a fleet. Unless given: that of the fleet in the folder.',
    group: SHOWN,
  },
  fleet: {
    type: 'path',
    environment: 'MUSTER_FLEET',
    default: DEFAULT_FLEET_FOLDER,
    description: 'Folder of a fleet that `muster dev` runs.',
    group: SHOWN,
  },
  once: {
    type: 'boolean',
    environment: 'MUSTER_TOP_ONCE',
    default: false,
    description: 'Print what is there now, and end. In a pipe it is always so.',
    group: SHOWN,
  },
  timeout: {
    type: 'duration',
    environment: 'MUSTER_TIMEOUT',
    default: '10s',
    min: '1ms',
    max: '24h',
    description: 'How long to wait for the page, when it is printed once.',
    group: SHOWN,
  },
});
