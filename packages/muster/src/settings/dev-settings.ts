import { defineSettings } from '@muster/core';
import { DEFAULT_FLEET_FOLDER } from '../fleet/fleet-files.ts';

const FLEET = 'Fleet';
const START = 'Start';

/** What a fleet on this machine is made of. */
export const devSettings = defineSettings({
  data: {
    type: 'path',
    environment: 'MUSTER_DATA',
    default: DEFAULT_FLEET_FOLDER,
    description: 'Folder of the fleet. Whoever can read it can do everything with the fleet.',
    group: FLEET,
  },
  'page-port': {
    type: 'integer',
    environment: 'MUSTER_DEV_PAGE_PORT',
    default: 8080,
    min: 0,
    max: 65_535,
    description:
      'Port of the page, on this machine only. Unless given: 8080, or the next free one. 0 = any free one.',
    group: FLEET,
  },
  'registry-port': {
    type: 'integer',
    environment: 'MUSTER_DEV_REGISTRY_PORT',
    default: 9000,
    min: 0,
    max: 65_535,
    description:
      'Port of the registry, on this machine only. Unless given: 9000, or the next free one. 0 = any free one.',
    group: FLEET,
  },
  indexers: {
    type: 'integer',
    environment: 'MUSTER_DEV_INDEXERS',
    default: 2,
    min: 1,
    max: 20,
    description: 'How many indexers.',
    group: FLEET,
  },
  nodes: {
    type: 'integer',
    environment: 'MUSTER_DEV_NODES',
    default: 4,
    min: 0,
    max: 100,
    description: 'How many nodes. Each is a process of its own, as all members are.',
    group: FLEET,
  },
  mirrors: {
    type: 'integer',
    environment: 'MUSTER_DEV_MIRRORS',
    default: 4,
    min: 0,
    max: 50,
    description: 'How many mirrors.',
    group: FLEET,
  },
  'time-scale': {
    type: 'number',
    environment: 'MUSTER_DEV_TIME_SCALE',
    default: 0.25,
    min: 0.01,
    max: 10,
    description:
      'Multiplies every duration of the overlay, so that what takes a minute in a real fleet can be watched. 1 = as in a real one.',
    group: FLEET,
  },
  'origin-rate': {
    type: 'size',
    environment: 'MUSTER_DEV_ORIGIN_RATE',
    default: '8MiB',
    description:
      'Bytes a second that the origin sends at most, so that pulls can be watched. 0 = as fast as it goes.',
    group: FLEET,
  },
  'accept-clock': {
    type: 'boolean',
    environment: 'MUSTER_DEV_ACCEPT_CLOCK',
    default: false,
    description: 'Start although the clock has gone back since the folder was last used.',
    group: START,
  },
});
