import {
  DISCOVERY_CONFIG_FILES,
  DISCOVERY_ENVIRONMENT_PREFIX,
  discoverySettings,
} from '@muster/discovery/config';
import { defineCommand } from '../cli/command.ts';
import { membershipProblems, membershipSettings } from '../settings/membership-settings.ts';
import { runNode } from '../serve/run-node.ts';

export const run = defineCommand({
  name: 'run',
  summary: 'Run a node, an indexer, or both, until it is stopped.',
  description:
    'Run a member of an overlay: a node, which is found and finds others, an indexer, which helps nodes to do so, or both ' +
    '(--node-mode). With --registry it registers with its key, and finds indexers and admission in a network there. Settings also come from /etc/oc/discovery.json, ./discovery.json and OCDISCOVERY_ variables, under the ' +
    'names of the original: NODE_MODE is --node-mode. All members need the same pre-shared key (`muster keys psk`). SIGINT ' +
    'and SIGTERM stop it cleanly, within 3 s; a second one ends it at once.',
  settings: { ...discoverySettings, ...membershipSettings },
  takesConfigFile: true,
  standardFiles: DISCOVERY_CONFIG_FILES,
  environmentPrefix: DISCOVERY_ENVIRONMENT_PREFIX,
  check: membershipProblems,
  examples: [
    'node run --node-mode indexer --generate-keys --status-port 9101',
    'node run --name alpha --indexer-addresses /ip4/192.0.2.7/tcp/4001/p2p/12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust',
    'node run --name alpha --registry 127.0.0.1:9000 --registry-network 1 --registry-network-token-file token',
    'node run --config /etc/oc/alpha.json',
  ],
  run: async (context) => await runNode(context),
});
