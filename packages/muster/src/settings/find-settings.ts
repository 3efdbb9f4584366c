import { defineSettings } from '@muster/core';
import { addressProblem } from './address.ts';
import { connectionSettings, nodeSettings } from './client-settings.ts';

const FIND = 'Whom to ask';

const { timeout: _, ...reaching } = connectionSettings;

/** Finding a peer: at the registry, else in the overlay. */
export const findSettings = defineSettings({
  ...reaching,
  ...nodeSettings,
  network: {
    type: 'integer',
    environment: 'MUSTER_NETWORK',
    min: 1,
    max: 65_535,
    description:
      'Network of the registry to look through for tags, peer ids and DIDs. Unless given: that of the fleet.',
    group: FIND,
  },
  status: {
    type: 'list',
    environment: 'MUSTER_STATUS',
    default: [],
    check: addressProblem,
    description:
      'Status endpoints of nodes or indexers that run here, to ask the overlay through. Unless given: those of the fleet.',
    group: FIND,
  },
  fleet: {
    type: 'path',
    environment: 'MUSTER_FLEET',
    description: 'Folder of a fleet that `muster dev` runs. Unless given: muster-data, when one runs there.',
    group: FIND,
  },
  'members-file': {
    type: 'path',
    environment: 'MUSTER_MEMBERS_FILE',
    description:
      'List of members that a process keeps (registry-members-file): it tells which keys are registered while the registry is gone.',
    group: FIND,
  },
  'registry-silence': {
    type: 'duration',
    environment: 'MUSTER_REGISTRY_SILENCE',
    default: '700ms',
    min: '1ms',
    max: '1h',
    description: 'How long the registry may be silent before the overlay is believed.',
    group: FIND,
  },
  timeout: {
    type: 'duration',
    environment: 'MUSTER_TIMEOUT',
    default: '10s',
    min: '1ms',
    max: '24h',
    description: 'How long a registry that answers, and the overlay, may take in all.',
    group: FIND,
  },
});
