/** Who may ask this node for pulls (coordination spec 24): everybody, or peers that members publish. */

import type { EventBus, PeerStream, PeerStreams } from '@muster/core';
import { normalizePeerId } from '../content-key.ts';
import type { CoordinationEvents } from '../events.ts';
import type { ClusterMembers } from '../parts.ts';
import type { ClusterNode } from '../types.ts';

export interface GateParts {
  readonly streams: Pick<PeerStreams, 'serve'>;
  readonly members: Pick<ClusterMembers, 'snapshot' | 'bootstrapSnapshot'>;
  /** `observe` counts strangers and lets them in. */
  readonly mode: 'all' | 'observe' | 'members';
  readonly events: Pick<EventBus<CoordinationEvents>, 'publish'>;
}

/** The same streams, with strangers counted or turned away. */
export function gatedStreams(parts: GateParts): Pick<PeerStreams, 'serve'> {
  const { streams, mode, events } = parts;
  if (mode === 'all') return streams;
  const known = new KnownPeers(parts.members);
  const serve: PeerStreams['serve'] = (protocol, handler, options) =>
    streams.serve(
      protocol,
      async (stream: PeerStream) => {
        const reason = known.doubt(stream.remotePeer);
        if (reason !== undefined) {
          events.publish('coord.unauthorized', { peer: stream.remotePeer, reason });
          if (mode === 'members') return stream.reset();
        }
        return handler(stream);
      },
      options,
    );
  return { serve };
}

/** The peers that members publish; views are replaced as a whole when they change. */
class KnownPeers {
  readonly #members: GateParts['members'];
  #views: readonly (readonly ClusterNode[])[] = [];
  #peers: ReadonlySet<string> = new Set();

  constructor(members: GateParts['members']) {
    this.#members = members;
  }

  /** Why the peer may be none of the members; undefined when it is one. */
  doubt(peer: string): 'unrecognized' | 'unevaluable' | undefined {
    const views = [this.#members.snapshot(), this.#members.bootstrapSnapshot()];
    if (views.some((view, index) => view !== this.#views[index])) {
      this.#views = views;
      this.#peers = new Set(views.flat().flatMap(peersOf));
    }
    if (this.#peers.size === 0) return 'unevaluable';
    return this.#peers.has(peer) ? undefined : 'unrecognized';
  }
}

function peersOf(node: ClusterNode): readonly string[] {
  const texts = [node.peerId, ...node.p2pAddrs.map((address) => /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? '')];
  return texts.map(normalizePeerId).filter((peer) => peer !== undefined);
}
