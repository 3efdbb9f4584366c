import type { PeerInfo } from '@libp2p/interface';
import { type Clock, OncePerInterval } from '@muster/core';

/** How long a peer that answers name is not offered to the table again. */
const OFFERED_AGAIN_MS = 15_000;
const MAX_OFFERED = 4_096;

/**
 * Every answer names twenty neighbours, most of whom are in the table already; to offer one to it costs more than all that was done
 * for the answer. From now on one that is only named is offered four times a minute at most; one that has connected, always.
 */
export function offerOnce(table: { onPeerConnect(peer: PeerInfo): Promise<void> }, clock: Clock): void {
  const offered = new OncePerInterval(OFFERED_AGAIN_MS, MAX_OFFERED);
  const offer = table.onPeerConnect.bind(table);
  table.onPeerConnect = async (peer) => {
    if ('protocols' in peer || offered.admit(peer.id.toString(), clock.monotonic())) await offer(peer);
  };
}
