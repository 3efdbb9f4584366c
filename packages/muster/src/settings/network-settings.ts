import { defineSettings } from '@muster/core';
import { clientSettings } from './client-settings.ts';

const NETWORK = 'Network';

/** A network that is created. */
export const networkSettings = defineSettings({
  ...clientSettings,
  'join-rule': {
    type: 'text',
    environment: 'MUSTER_JOIN_RULE',
    choices: ['open', 'token', 'invite'],
    default: 'token',
    description: 'Who may join: anybody, whoever has the token, or whoever was invited.',
    group: NETWORK,
  },
  'network-token': {
    type: 'secret',
    environment: 'MUSTER_NETWORK_TOKEN',
    description: 'What a node must present to join, with the rule token.',
    group: NETWORK,
  },
});
