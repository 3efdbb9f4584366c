import type { JsonValue } from './types.ts';

/** The numbers of the record types (spec §10.2). */
export const originalLogTypes = {
  register: 1,
  deregister: 2,
  networkCreate: 9,
  networkJoin: 10,
  networkLeave: 11,
  keyRotation: 12,
  networkDelete: 14,
} as const;

/** Types that have a number but no content: heartbeat, trust, visibility, hostname, tags, task exec. */
export const reservedLogTypes: ReadonlySet<number> = new Set([3, 4, 5, 6, 7, 8, 13]);

/** The largest record at replay: a longer one stops it. */
export const maxLogRecordBytes = 1_048_576;
/** The largest log that the original appends to. */
export const maxOriginalLogBytes = 268_435_456;

/** What every record has. */
export interface OriginalLogEnvelope {
  /** Always 0 in files of the original. */
  readonly sequence: number;
  /** `node_id` beside the data; absent in records that concern no node. */
  readonly subject?: number | undefined;
}

/** A node was registered for the first time. */
export interface OriginalRegisterRecord extends OriginalLogEnvelope {
  readonly kind: 'register';
  readonly nodeId: number;
  readonly owner: string;
  /** Base64 as written; may be unreadable. */
  readonly publicKey: string;
  readonly realAddress: string;
  readonly hostname: string;
  readonly lanAddresses: readonly string[];
  readonly version: string;
  /** RFC 3339 as written, or empty. */
  readonly createdAt: string;
}

/** A node was removed by its own wish. */
export interface OriginalDeregisterRecord extends OriginalLogEnvelope {
  readonly kind: 'deregister';
  readonly nodeId: number;
}

/** A network was created. Rules and expression policy are not part of it. */
export interface OriginalNetworkCreateRecord extends OriginalLogEnvelope {
  readonly kind: 'network-create';
  readonly networkId: number;
  readonly name: string;
  readonly joinRule: string;
  readonly token: string;
  readonly adminToken: string;
  readonly enterprise: boolean;
  /** 0 = none (provisioned). */
  readonly creatorNodeId: number;
  /** RFC 3339 as written, or empty. */
  readonly createdAt: string;
}

/** A node joined or left a network. */
export interface OriginalMembershipRecord extends OriginalLogEnvelope {
  readonly kind: 'network-join' | 'network-leave';
  readonly nodeId: number;
  readonly networkId: number;
}

/** A node changed its key; `clearBadge` when it did so by recovery. */
export interface OriginalKeyRotationRecord extends OriginalLogEnvelope {
  readonly kind: 'key-rotation';
  readonly nodeId: number;
  /** Base64 as written; may be unreadable. */
  readonly newPublicKey: string;
  /** RFC 3339 as written, or empty. */
  readonly rotatedAt: string;
  readonly clearBadge: boolean;
}

/** A network was deleted. */
export interface OriginalNetworkDeleteRecord extends OriginalLogEnvelope {
  readonly kind: 'network-delete';
  readonly networkId: number;
}

/** A type without effect: `reserved` has a number but no content, `unknown` has no meaning here at all. */
export interface OriginalOtherRecord extends OriginalLogEnvelope {
  readonly kind: 'reserved' | 'unknown';
  readonly type: number;
  readonly data?: JsonValue | undefined;
}

/** One record of the log, discriminated by `kind`. */
export type OriginalLogRecord =
  | OriginalRegisterRecord
  | OriginalDeregisterRecord
  | OriginalNetworkCreateRecord
  | OriginalMembershipRecord
  | OriginalKeyRotationRecord
  | OriginalNetworkDeleteRecord
  | OriginalOtherRecord;
