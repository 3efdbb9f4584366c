import { defineSettings } from '@muster/core';
import { isPeerName } from '../fleet/join-protocol.ts';
import { DEFAULT_FLEET_FOLDER } from '../fleet/fleet-files.ts';

const PEER = 'Peer';

/** The peer that joins a fleet. */
export const joinSettings = defineSettings({
  name: {
    type: 'text',
    environment: 'MUSTER_JOIN_NAME',
    check: (name) => (isPeerName(name) ? undefined : 'not a name: a-z, 0-9 and -, at most 63'),
    description: 'Name by which others find it. Unless given: guest- and four letters or digits.',
    group: PEER,
  },
  'peer-data': {
    type: 'path',
    environment: 'MUSTER_JOIN_DATA',
    description:
      'Folder for its key, the secrets of the fleet, and what it learns. Unless given: muster-peers/<name>.',
    group: PEER,
  },
  key: {
    type: 'path',
    environment: 'MUSTER_JOIN_KEY',
    description: 'Private key of the peer: PEM. Unless given: one in its folder, made when missing.',
    group: PEER,
  },
  'new-line': {
    type: 'boolean',
    environment: 'MUSTER_JOIN_NEW_LINE',
    default: false,
    description: 'Join nothing: print a new join line of the fleet in --data.',
    group: PEER,
  },
  'log-level': {
    type: 'text',
    environment: 'MUSTER_LOG_LEVEL',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'warn',
    description: 'How much is logged, to the standard error.',
    group: PEER,
  },
  fleet: {
    type: 'path',
    environment: 'MUSTER_FLEET',
    default: DEFAULT_FLEET_FOLDER,
    description: 'Folder of the running fleet of `muster dev`, for --new-line.',
    group: PEER,
  },
});
