import { defineCommand } from '../cli/command.ts';
import { facts } from '../cli/table.ts';
import { askStatus } from '../client/status-client.ts';
import { statusSettings } from '../settings/status-settings.ts';

const SHOWN: readonly (readonly [field: string, name: string])[] = [
  ['name', 'name'],
  ['did', 'DID'],
  ['peer_id', 'peer id'],
  ['stream_address', 'address'],
  ['api_url', 'API'],
  ['nats_address', 'NATS'],
  ['wallet_address', 'wallet'],
  ['relation', 'relation'],
  ['expires_at', 'record until'],
];

export const get = defineCommand({
  name: 'get',
  summary: 'Look a peer up by its peer id or DID.',
  description:
    'Look a peer up by its peer id or DID, and show its signed record. The running node asks its indexers, and believes what ' +
    'the signature proves.',
  arguments: [{ name: 'peer', description: 'Peer id or DID.', required: true }],
  settings: statusSettings,
  examples: ['peers get 12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust --status 127.0.0.1:9101'],
  run: async (context) => {
    const peer = await askStatus(context, `/peers/${encodeURIComponent(context.arguments[0] ?? '')}`);
    const rows = SHOWN.map(([field, name]): [string, string | undefined] => {
      const value = peer[field];
      return [name, typeof value === 'string' && value !== '' ? value : undefined];
    });
    context.print(peer, facts(rows));
    return undefined;
  },
});
