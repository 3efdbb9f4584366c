import { defineCommand } from '../cli/command.ts';
import { findSettings } from '../settings/find-settings.ts';

export const find = defineCommand({
  name: 'find',
  summary: 'Find a peer: at the registry, or in the overlay when the registry is gone.',
  description:
    'Find a peer by name, hostname, tag, peer id, node id or DID. The registry answers, as the authority; when it cannot be reached, ' +
    'the overlay does, through nodes and indexers that run here. An answer is of one of them, never of both, and says of which, how ' +
    'old it is and by how much it may be behind. Records of the overlay are signed, and compared with the key that was registered ' +
    'last; who goes by a name that is registered for another key is an error with an exit code of its own.',
  arguments: [
    { name: 'what', description: 'Name, hostname, tag (#gpu), peer id, node id or DID.', required: true },
  ],
  settings: findSettings,
  examples: [
    'find alpha',
    'find #gpu --registry 192.0.2.7:9000 --network 1 --status 127.0.0.1:9101',
    'find 12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust --fleet muster-data --json',
  ],
  run: async (context) => {
    const { runFind } = await import('../find/run-find.ts');
    return await runFind(context);
  },
});
