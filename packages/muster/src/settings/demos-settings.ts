import { defineSettings } from '@muster/core';
import { DEFAULT_FLEET_FOLDER } from '../fleet/fleet-files.ts';

const DEMO = 'Demo';

/** Which fleet a demo is done with. */
export const demosSettings = defineSettings({
  fleet: {
    type: 'path',
    environment: 'MUSTER_FLEET',
    default: DEFAULT_FLEET_FOLDER,
    description: 'Folder of a running fleet of `muster dev`.',
    group: DEMO,
  },
});

/** Of the demo that pulls. */
export const pullDemoSettings = defineSettings({
  ...demosSettings,
  peers: {
    type: 'integer',
    environment: 'MUSTER_DEMO_PEERS',
    default: 20,
    min: 2,
    max: 64,
    description:
      'How many mirrors pull at the same time. Those that the fleet does not have run in the process of the demo, for as long as it takes.',
    group: DEMO,
  },
});

/** Of the demo with a liar. */
export const liarDemoSettings = defineSettings({
  ...demosSettings,
  within: {
    type: 'duration',
    environment: 'MUSTER_DEMO_WITHIN',
    default: '90s',
    min: '1s',
    max: '1h',
    description: 'How long it may take until the liar is out.',
    group: DEMO,
  },
});
