/** What the calls of the directory take and give. */
import type { WithRaw } from '../reply.ts';
import type { CallOptions } from './exchange.ts';
import type { Badge } from './node-entry.ts';

/** What a node says of itself when it registers. */
export interface Registration {
  /** UDP endpoint `host:port` that others reach the node at; the registry fills in what is missing. @default '' */
  readonly listenAddress?: string;
  /** A label, such as a mail address. */
  readonly owner?: string;
  readonly hostname?: string;
  /** Version of the node's program. */
  readonly version?: string;
  /** Addresses for peers behind the same router. */
  readonly lanAddresses?: readonly string[];
  /** Never tell anybody the real address; peers go through a beacon. @default false */
  readonly relayOnly?: boolean;
  /** Handed to the identity webhook of the registry, when it has one. */
  readonly identityToken?: string;
  /** For a client without identity: base64 of the key to register, unsigned. */
  readonly publicKeyBase64?: string;
}

/** Options of a lookup. */
export interface LookupOptions extends CallOptions {
  /** Also in binary encoding, ask for everything. @default false */
  readonly full?: boolean;
}

/** A registered node. */
export interface Registered extends WithRaw {
  readonly nodeId: number;
  readonly address: string;
  readonly publicKey?: Uint8Array;
  /** Where the registry saw the connection come from. */
  readonly observedAddress?: string;
  /** What became of the hostname that was asked for: a bad or taken one does not fail the registration. */
  readonly hostname:
    | { readonly kind: 'none' }
    | { readonly kind: 'set'; readonly hostname: string }
    | { readonly kind: 'refused'; readonly reason: string };
  readonly externalId?: string;
}

/** What anybody may know of a node. Members after `externalId` come with a lookup in full only. */
export type LookedUp = WithRaw & NodeFacts & (PublicNode | PrivateNode);

/** A node that lets anybody know where it is. */
export interface PublicNode {
  readonly visibility: 'public';
  /** `host:port`; of a relay-only node that of its beacon; empty when not known. */
  readonly realAddress: string;
}

/** A node whose address only trusted peers and members of its networks learn, by `resolve`. */
export interface PrivateNode {
  readonly visibility: 'private';
}

/** Facts of a lookup that don't depend on visibility. */
export interface NodeFacts {
  readonly nodeId: number;
  readonly address: string;
  readonly networks: readonly number[];
  readonly publicKey?: Uint8Array;
  readonly hostname?: string;
  readonly tags: readonly string[];
  readonly taskExec: boolean;
  readonly externalId?: string;
  readonly relayOnly?: boolean;
  readonly lastSeenMs?: number;
  /** How often the key was changed. */
  readonly keyGeneration?: number;
  readonly version?: string;
  readonly badge?: Badge;
  readonly verified?: boolean;
}

/** Where to reach a node. */
export interface Resolved extends WithRaw {
  readonly nodeId: number;
  /** `host:port`; of a relay-only node that of its beacon. */
  readonly realAddress: string;
  readonly lanAddresses: readonly string[];
  readonly keyAgeDays?: number;
  /** The native binary form doesn't tell. */
  readonly relayOnly?: boolean;
}

/** A name found. */
export interface ResolvedHostname extends WithRaw {
  readonly nodeId: number;
  readonly address: string;
  readonly hostname: string;
  readonly visibility: 'public' | 'private';
  readonly lastSeenMs?: number;
}

/** A heartbeat that the registry took. */
export interface Beat extends WithRaw {
  /** The registry's clock, in milliseconds since the epoch; whole seconds. */
  readonly serverTimeMs: number;
  /** The node's key expires within 24 hours. */
  readonly keyExpiryWarning: boolean;
}

/** Where two nodes that want to punch through to each other are. */
export interface Punched extends WithRaw {
  readonly nodeA: { readonly nodeId: number; readonly realAddress: string };
  readonly nodeB: { readonly nodeId: number; readonly realAddress: string };
}
