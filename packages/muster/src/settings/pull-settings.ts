import { defineSettings } from '@muster/core';
import { addressProblem } from './address.ts';

const PULL = 'Pull';
const ORIGIN = 'Registry, to resolve tags';

/** What an image is pulled with. */
export const pullSettings = defineSettings({
  mirror: {
    type: 'text',
    environment: 'MUSTER_MIRROR',
    default: '127.0.0.1:5000',
    check: addressProblem,
    description:
      'Address of the mirror, as its banner shows it. Of a fleet: unless given, its first that runs.',
    group: PULL,
  },
  fleet: {
    type: 'path',
    environment: 'MUSTER_FLEET',
    description:
      'Folder of a fleet that `muster dev` runs, whose mirror is to be asked. Unless given: muster-data, for the images of its own origin.',
    group: PULL,
  },
  output: {
    type: 'path',
    environment: 'MUSTER_PULL_OUTPUT',
    description: 'Folder for an OCI layout. Without it everything is verified and dropped.',
    group: PULL,
  },
  platform: {
    type: 'text',
    environment: 'MUSTER_PLATFORM',
    check: (text) =>
      /^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9]+)?$/.test(text) ? undefined : 'not of the form linux/amd64',
    description:
      'Platform to take of an image for several; unless given, Linux on the processor of this machine.',
    group: PULL,
  },
  'all-platforms': {
    type: 'boolean',
    environment: 'MUSTER_ALL_PLATFORMS',
    default: false,
    description: 'Take all platforms of an image.',
    group: PULL,
  },
  parallel: {
    type: 'integer',
    environment: 'MUSTER_PULL_PARALLEL',
    default: 3,
    min: 1,
    max: 64,
    description: 'Objects that are pulled at one time.',
    group: PULL,
  },
  timeout: {
    type: 'duration',
    environment: 'MUSTER_PULL_TIMEOUT',
    default: '30m',
    min: '1ms',
    description: 'The longest that all may take.',
    group: PULL,
  },
  origin: {
    type: 'text',
    environment: 'MUSTER_ORIGIN',
    description:
      'URL of the registry that knows the tag; unless given, made from its name, or the origin of the fleet.',
    group: ORIGIN,
  },
  credentials: {
    type: 'path',
    environment: 'MUSTER_CREDENTIALS',
    description: 'File with one line user:password for that registry.',
    group: ORIGIN,
  },
});
