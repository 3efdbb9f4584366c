import { EXIT_CODES } from '@muster/core';
import { defineCommand } from '../cli/command.ts';
import { facts } from '../cli/table.ts';
import { keyPathOf, registryAddress, withClient } from '../client/connect.ts';
import { knownNodeId, noteNodeId, readOrCreateKey } from '../client/key-files.ts';
import { registrationSettings } from '../settings/client-settings.ts';

export const register = defineCommand({
  name: 'register',
  summary: 'Register a node, or tell what has changed of it.',
  description:
    'Register a node with its key, which is made when there is none: in ~/.muster/node.pem, or where --key says. The same ' +
    'key is the same node, whenever it registers. The id is noted beside the key. A node stays listed for as long as it ' +
    'gives signs of life: half an hour after the last one, by default.',
  settings: registrationSettings,
  examples: [
    'nodes register --hostname alpha --public',
    'nodes register --key beta.pem --hostname beta --listen-addr :4000 --tags eu,gpu',
  ],
  run: async (context) => {
    const { values, config } = context;
    const keyPath = keyPathOf(context);
    const registry = registryAddress(values);
    const { identity, created } = await readOrCreateKey(keyPath);
    if (created) context.note(`Made a new key: ${keyPath}. Whoever has it is this node: keep it.`);
    const nodeId = await knownNodeId(keyPath, registry);
    return await withClient(context, { identity, nodeId }, async (client) => {
      const registered = await client.register({
        listenAddress: values.listenAddr ?? '',
        lanAddresses: values.lanAddrs,
        relayOnly: values.relayOnly,
        ...(values.hostname === undefined ? {} : { hostname: values.hostname }),
        ...(values.owner === undefined ? {} : { owner: values.owner }),
      });
      await noteNodeId(keyPath, registry, registered.nodeId);
      const visible = config.sources.get('public') !== 'default';
      const visibility = values.public ? 'public' : 'private';
      if (visible) await client.setVisibility(visibility);
      if (values.tags !== undefined) await client.setTags(values.tags);
      const { raw: _, publicKey: __, hostname, ...rest } = registered;
      const named = hostname.kind === 'set' ? hostname.hostname : undefined;
      const refusal = hostname.kind === 'refused' ? hostname.reason : undefined;
      context.print(
        {
          ...rest,
          hostname: named ?? null,
          ...(refusal === undefined ? {} : { hostnameError: refusal }),
          ...(visible ? { visibility } : {}),
          registry,
          key: keyPath,
          keyCreated: created,
          publicKey: identity.publicKeyBase64,
        },
        facts([
          ['id', String(registered.nodeId)],
          ['address', registered.address],
          ['hostname', named],
          ['visibility', visible ? visibility : undefined],
          ['seen from', registered.observedAddress],
          ['key', keyPath],
        ]),
      );
      if (refusal === undefined) return EXIT_CODES.ok.code;
      context.note(`muster: the node is registered, but without the hostname: ${refusal}`);
      return EXIT_CODES.refused.code;
    });
  },
});
