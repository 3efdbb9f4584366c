/**
 * The one place that makes a js-libp2p host, with every default that breaks a private network replaced (discovery spec
 * section 4.3). Nothing else in this repository may construct one.
 */

import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { gossipsub } from '@libp2p/gossipsub';
import type { GossipSub } from '@libp2p/gossipsub';
import { createTopicScoreParams } from '@libp2p/gossipsub/score';
import { identify, identifyPush } from '@libp2p/identify';
import type { Identify, IdentifyPush } from '@libp2p/identify';
import type { ConnectionGater, Libp2p, PeerId as Libp2pPeerId, PrivateKey } from '@libp2p/interface';
import type { KadDHTComponents } from '@libp2p/kad-dht';
import { noise } from '@libp2p/noise';
import { ping } from '@libp2p/ping';
import type { Ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import type { Random } from '@muster/core';
import type { Identity } from '@muster/core/identity';
import { createLibp2p, type Libp2pOptions } from 'libp2p';
import type { Refusals } from '../connection-policy.ts';
import { FRAME_LIMITS, TOPICS } from '../../wire/protocols.ts';
import type { GuardedDatastore } from './datastore.ts';
import { type PskMismatch, pskProtector } from './protector.ts';

/** Inbound streams of one protocol on one connection; more are reset. */
export const MAX_INBOUND_STREAMS = 64;
/** Streams that we open at once with one protocol on one connection. */
export const MAX_OUTBOUND_STREAMS = 256;
const MAX_EARLY_STREAMS = 512;
/** Bytes that one stream may have waiting to be sent; a writer that goes on nevertheless has its stream reset. */
const MAX_WRITE_BUFFER = 8 * 1_048_576;
/** The receive window never grows: it is what a stream costs at most when nobody reads it. */
const STREAM_WINDOW = 262_144;
const HOUR_MS = 3_600_000;
/** Records and provider entries live up to 48 h; the peers that they name must, too. */
const PEER_AGE_MS = 48 * HOUR_MS;

export interface HostOptions {
  readonly identity: Identity;
  /** 32 bytes; absent: any peer may connect. */
  readonly psk?: Uint8Array | undefined;
  readonly random: Random;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  /** Which of our own addresses other peers hear of. */
  readonly isAnnounced: (address: string) => boolean;
  readonly maxConnections: number;
  readonly datastore: GuardedDatastore;
  /** Peers that are cut as soon as their identity is proven, and never dialled (section 18). */
  readonly refusals: Refusals;
  readonly onPskMismatch: (mismatch: PskMismatch) => void;
  /** Addresses of a peer that only the DHT has told us of, for dials by peer id. */
  readonly addressesOf: (peer: Libp2pPeerId) => ReturnType<Libp2p['getMultiaddrs']>;
}

export type BaseServices = {
  readonly identify: Identify;
  readonly identifyPush: IdentifyPush;
  readonly ping: Ping;
};

export type HostServices = BaseServices & { readonly gossipsub: GossipSub };

export interface Host<Services extends BaseServices> {
  readonly libp2p: Libp2p<Services>;
  /** What the DHT, which starts later than the host, is built from. */
  readonly components: KadDHTComponents;
}

/** A host with topics that has not been started. */
export async function createHost(options: HostOptions): Promise<Host<HostServices>> {
  let components: KadDHTComponents | undefined;
  const libp2p = await createLibp2p<HostServices>({
    ...(await settingsOf(options)),
    services: {
      ...BASE_SERVICES,
      gossipsub: (parts) => {
        components = parts as unknown as KadDHTComponents;
        return gossipService()(parts);
      },
    },
  });
  forgetHeartbeat(libp2p.services.gossipsub);
  return built(libp2p, components);
}

/** A host without topics that has not been started. */
export async function createPlainHost(options: HostOptions): Promise<Host<BaseServices>> {
  let components: KadDHTComponents | undefined;
  const libp2p = await createLibp2p<BaseServices>({
    ...(await settingsOf(options)),
    services: {
      ...BASE_SERVICES,
      ping: (parts) => {
        components = parts as unknown as KadDHTComponents;
        return BASE_SERVICES.ping(parts);
      },
    },
  });
  return built(libp2p, components);
}

function built<Services extends BaseServices>(
  libp2p: Libp2p<Services>,
  components: KadDHTComponents | undefined,
): Host<Services> {
  if (components === undefined) throw new Error('libp2p built no services');
  leaveNoTimers(libp2p, components.addressManager);
  return { libp2p, components };
}

const BASE_SERVICES = {
  identify: identify({ runOnLimitedConnection: false }),
  identifyPush: identifyPush({ runOnLimitedConnection: false }),
  ping: ping({ maxInboundStreams: 8, maxOutboundStreams: 8 }),
};

/** Everything but the services. */
async function settingsOf(options: HostOptions): Promise<Omit<Libp2pOptions, 'services'>> {
  const { psk } = options;
  return {
    start: false,
    privateKey: await privateKeyOf(options.identity),
    nodeInfo: { name: 'muster', version: '0.1.0' },
    datastore: options.datastore,
    addresses: {
      listen: [...options.listen],
      appendAnnounce: [...options.announce],
      announceFilter: (addresses) => addresses.filter((address) => options.isAnnounced(address.toString())),
    },
    transports: [tcp()],
    ...(psk === undefined
      ? {}
      : { connectionProtector: () => pskProtector(psk, options.random, options.onPskMismatch) }),
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        // Streams that come before this side has finished the handshake. The default of 10 costs a burst its connection.
        maxEarlyStreams: MAX_EARLY_STREAMS,
        streamOptions: {
          maxStreamWindowSize: STREAM_WINDOW,
          initialStreamWindowSize: STREAM_WINDOW,
          maxWriteBufferLength: MAX_WRITE_BUFFER,
        },
      }),
    ],
    connectionGater: gater(options.refusals),
    connectionManager: {
      maxConnections: options.maxConnections,
      // Whole fleets may stand behind one address; 5 connections a second would lock most of them out.
      inboundConnectionThreshold: 1_000,
      maxIncomingPendingConnections: 512,
      // Texts of strangers must not make us ask name servers for further addresses.
      resolvers: {},
    },
    // A frozen peer's TCP connection stays up; this ends it. The default of 10 s costs more than all heartbeats.
    connectionMonitor: { pingInterval: 60_000, pingTimeout: { minTimeout: 10_000, maxTimeout: 30_000 } },
    peerStore: { maxPeerAge: PEER_AGE_MS, maxAddressAge: PEER_AGE_MS },
    peerRouters: [
      () => ({
        findPeer: (peer: Libp2pPeerId) =>
          Promise.resolve({ id: peer, multiaddrs: options.addressesOf(peer) }),
        getClosestPeers: async function* () {},
      }),
    ],
  };
}

/**
 * What libp2p leaves behind when it stops keeps the process for two seconds, and does nothing then: closing its listeners
 * starts a timer for its address book, and that one another; gossipsub forgets its heartbeat. The libraries offer no
 * other way to these timers.
 */
function leaveNoTimers<Services extends BaseServices>(
  libp2p: Libp2p<Services>,
  addressManager: object,
): void {
  const { identifyPush: push } = libp2p.services;
  libp2p.addEventListener('stop', () => {
    cancelDebounced(addressManager, '_updatePeerStoreAddresses');
    cancelDebounced(push, '_push');
  });
}

function forgetHeartbeat(gossipsub: GossipSub): void {
  const service = gossipsub as unknown as {
    readonly status?: { readonly heartbeatTimeout?: NodeJS.Timeout };
    stop?: () => Promise<void>;
  };
  const stop = service.stop?.bind(service);
  service.stop = async () => {
    const timer = service.status?.heartbeatTimeout;
    await stop?.();
    clearTimeout(timer);
  };
}

function cancelDebounced(owner: object, name: string): void {
  const debounced = (owner as Readonly<Record<string, { stop?: () => void } | undefined>>)[name];
  debounced?.stop?.();
}

/**
 * Deliveries are rare here, so that only what is proven bad may lower a score. Nor is there a credit: by default a second
 * in the mesh outweighs any number of invalid messages.
 */
function gossipService(): ReturnType<typeof gossipsub> {
  const topic = createTopicScoreParams({
    timeInMeshWeight: 0,
    firstMessageDeliveriesWeight: 0,
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
    invalidMessageDeliveriesWeight: -10,
    invalidMessageDeliveriesDecay: 0.99,
  });
  return gossipsub({
    globalSignaturePolicy: 'StrictSign',
    allowPublishToZeroTopicPeers: true,
    emitSelf: false,
    fallbackToFloodsub: false,
    doPX: false,
    // Above the limit that validators enforce, so that what is too long is rejected and counted, not just skipped.
    maxInboundDataLength: 4 * FRAME_LIMITS.gossip,
    scoreParams: {
      IPColocationFactorWeight: 0,
      retainScore: HOUR_MS / 6,
      topics: Object.fromEntries(Object.values(TOPICS).map((name) => [name, topic])),
    },
  });
}

/** Every hook lets everybody through, except the refused at the first moment when a peer is known (section 18). */
function gater(refusals: Refusals): ConnectionGater {
  const isDenied = async (id: Libp2pPeerId): Promise<boolean> => {
    const peer = id.toString();
    if (!refusals.isRefused(peer)) return false;
    await refusals.reconsider(peer);
    return refusals.isRefused(peer);
  };
  return {
    denyDialPeer: isDenied,
    denyDialMultiaddr: () => false,
    denyInboundEncryptedConnection: isDenied,
    denyOutboundEncryptedConnection: isDenied,
  };
}

/** libp2p's form of our key: the seed is the end of the PKCS#8 document. */
async function privateKeyOf(identity: Identity): Promise<PrivateKey> {
  const der = Buffer.from(identity.toPem().replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  return generateKeyPairFromSeed('Ed25519', der.subarray(-32));
}
