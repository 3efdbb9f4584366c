import type { Logger, PeerTarget } from '@muster/core';
import { normalizePeerId } from '../content-key.ts';
import { coordinationErrors } from '../errors.ts';
import type { ClusterMembers } from '../parts.ts';
import type { ClusterNode } from '../types.ts';

/** Most node ids that are remembered by {@link PeerDirectory.teach}. */
const MAX_TAUGHT = 4_096;

/** Finds the peer behind a node id (6.1): the member view, what was taught, the node id itself. */
export class PeerDirectory {
  readonly #members: Pick<ClusterMembers, 'snapshot' | 'bootstrapSnapshot'>;
  readonly #logger: Logger;
  readonly #taught = new Map<string, string>();
  #indexed: readonly ClusterNode[] | undefined;
  #byId: ReadonlyMap<string, ClusterNode> = new Map();

  constructor(members: Pick<ClusterMembers, 'snapshot' | 'bootstrapSnapshot'>, logger: Logger) {
    this.#members = members;
    this.#logger = logger;
  }

  /** Remembers the peer id of a node; the oldest of 4096 is forgotten. Texts that are no peer ids are ignored. */
  teach(nodeId: string, peerId: string): void {
    const id = normalizePeerId(peerId);
    if (id === undefined) return;
    this.#taught.delete(nodeId);
    this.#taught.set(nodeId, id);
    if (this.#taught.size <= MAX_TAUGHT) return;
    const oldest = this.#taught.keys().next();
    if (oldest.done !== true) this.#taught.delete(oldest.value);
  }

  /** Forgets what was taught about the node, because somebody else answered there. */
  forget(nodeId: string): void {
    this.#taught.delete(nodeId);
  }

  /** Whom to dial for the node. Throws PEER_UNRESOLVED. */
  resolve(nodeId: string): PeerTarget {
    const node = this.#published(nodeId);
    if (node !== undefined) {
      const id = normalizePeerId(node.peerId);
      if (id !== undefined) return { id, addresses: node.p2pAddrs.map(withoutPeer) };
      this.#logger.debug({ node_id: nodeId }, 'the published peer id of a node cannot be read');
    }
    const id = this.#taught.get(nodeId) ?? normalizePeerId(nodeId);
    if (id !== undefined) return { id, addresses: [] };
    throw coordinationErrors.create('PEER_UNRESOLVED', 'no peer id is known for the node', {
      details: { node_id: nodeId },
    });
  }

  #published(nodeId: string): ClusterNode | undefined {
    const snapshot = this.#members.snapshot();
    // Views are replaced as a whole when they change, so the same list is the same view.
    if (this.#indexed !== snapshot) {
      this.#byId = new Map(snapshot.toReversed().map((node) => [node.id, node]));
      this.#indexed = snapshot;
    }
    const ready = this.#byId.get(nodeId);
    if (ready !== undefined && ready.peerId !== '') return ready;
    return this.#members.bootstrapSnapshot().find((node) => node.id === nodeId && node.peerId !== '');
  }
}

function withoutPeer(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '');
}
