import type { Static } from 'typebox';
import type { EventView, NodeView } from '../service/node-views.ts';
import type { HttpDependencies } from './dependencies.ts';
import { httpErrors } from './errors.ts';
import type { SentEvent } from './event-stream.ts';
import type { NodeReply } from './schemas.ts';

/** Throws `not_ready` unless the registry serves. */
export function requireServing({ health, notReadyReason }: HttpDependencies): void {
  const { status } = health();
  if (status !== 'ok') throw httpErrors.create('not_ready', `not ready: ${notReadyReason() ?? status}`);
}

/** A node as it is shown; online when it was seen at `onlineSince` (unix seconds) or later. */
export function nodeReply(node: NodeView, onlineSince: number): Static<typeof NodeReply> {
  return {
    node_id: node.id,
    ...(node.hostname === '' ? {} : { hostname: node.hostname }),
    tags: [...node.tags],
    networks: [...node.networks],
    ...(node.address === '' ? {} : { address: node.address }),
    ...(node.publicKey === undefined ? {} : { public_key: node.publicKey }),
    ...(node.peerId === undefined ? {} : { peer_id: node.peerId }),
    ...(node.version === '' ? {} : { version: node.version }),
    public: node.isPublic,
    last_seen: node.lastSeen,
    online: node.lastSeen >= onlineSince,
  };
}

/** An event as it is sent to readers. */
export function sentEvent(event: EventView, onlineSince: number): SentEvent {
  return {
    id: event.seq,
    name: event.type,
    data: {
      seq: event.seq,
      at: event.atMs,
      type: event.type,
      text: event.text,
      node_ids: event.nodeIds,
      ...(event.networkId === undefined ? {} : { network_id: event.networkId }),
      ...(event.node === undefined ? {} : { node: nodeReply(event.node, onlineSince) }),
    },
  };
}
