import { coordinationSettings } from '@muster/coordination/config';
import { defineCommand } from '../cli/command.ts';
import { mirrorProblems } from '../serve/mirror-config.ts';
import { runMirror } from '../serve/run-mirror.ts';
import { membershipSettings } from '../settings/membership-settings.ts';

export const run = defineCommand({
  name: 'run',
  summary: 'Run a mirror of registries next to a container runtime, until it is stopped.',
  description:
    'Run an agent that the container runtime of this machine asks instead of its registries. The agents of a cluster get each ' +
    'object from the registry once, and from one another from then on. Settings also come from a file (--config) and from ' +
    'GANTRY_ variables: mirror_listen is --mirror-listen and GANTRY_MIRROR_LISTEN. At least one registry is needed. SIGINT and ' +
    'SIGTERM stop it cleanly, within 10 s; a second one ends it at once.',
  settings: { ...coordinationSettings, ...membershipSettings },
  takesConfigFile: true,
  check: mirrorProblems,
  examples: [
    'mirror run --upstream-registries docker.io=https://registry-1.docker.io --cache-dir /tmp/mirror --libp2p-identity-path ""',
    'mirror run --upstream-registries docker.io=https://registry-1.docker.io --registry 127.0.0.1:9000 --registry-network 1',
    'mirror run --config /etc/gantry/config.yaml',
  ],
  run: async (context) => await runMirror(context),
});
