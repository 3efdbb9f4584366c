import type { Role, StoredSecret } from './network.ts';

/** Fields that a registration may carry; absent ones keep their value. */
export interface RegistrationFields {
  readonly owner?: string;
  readonly hostname?: string;
  readonly realAddr?: string;
  readonly lanAddrs?: readonly string[];
  readonly version?: string;
  readonly relayOnly?: boolean;
  /** The registration was signed by the key. */
  readonly signed?: boolean;
  readonly externalId?: string;
}

/** Identity provider settings (spec 7.5, 12.4). */
export interface IdentityProviderSettings {
  readonly type: string;
  readonly url: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly tenantId?: string;
  readonly domain?: string;
}

/**
 * Everything that can happen to the directory. An event says what has been decided, never what was asked: applying it
 * needs no clock, no random source and no check, so live state, recovery and a standby come out the same.
 *
 * Times (`at`, `expiresAt`, …) are unix seconds; keys are standard base64.
 */
export type RegistryEvent =
  | ({
      readonly type: 'node.registered';
      readonly id: number;
      readonly key: string;
      readonly at: number;
      /** The id was drawn at random, so the counter stays where it is. */
      readonly drawn?: true;
    } & RegistrationFields)
  | ({ readonly type: 'node.updated'; readonly id: number; readonly at: number } & RegistrationFields)
  | ({
      readonly type: 'node.reclaimed';
      readonly id: number;
      readonly at: number;
      /** The new key, when the identity was reclaimed with a recovery statement. */
      readonly key?: string;
      readonly recovery?: ConsumedRecovery;
    } & RegistrationFields)
  | { readonly type: 'node.deregistered'; readonly id: number; readonly at: number }
  | { readonly type: 'nodes.reaped'; readonly ids: readonly number[]; readonly at: number }
  | { readonly type: 'tombstones.evicted'; readonly ids: readonly number[] }
  | { readonly type: 'node.hostname'; readonly id: number; readonly hostname: string }
  | { readonly type: 'node.tags'; readonly id: number; readonly tags: readonly string[] }
  | { readonly type: 'node.visibility'; readonly id: number; readonly public: boolean }
  | { readonly type: 'node.task_exec'; readonly id: number; readonly enabled: boolean }
  | { readonly type: 'node.external_id'; readonly id: number; readonly externalId: string }
  | { readonly type: 'key.rotated'; readonly id: number; readonly key: string; readonly at: number }
  | {
      readonly type: 'key.recovered';
      readonly id: number;
      readonly key: string;
      readonly at: number;
      readonly recovery: ConsumedRecovery;
    }
  | { readonly type: 'key.expiry'; readonly id: number; /** 0 clears. */ readonly expiresAt: number }
  | { readonly type: 'key.requires_v2'; readonly id: number; readonly required: boolean }
  | {
      readonly type: 'badge.submitted';
      readonly id: number;
      readonly badge: string;
      readonly badgeSig: string;
      readonly provider: string;
      /** RFC 3339. */
      readonly verifiedAt: string;
    }
  | {
      readonly type: 'recovery.enrolled';
      readonly id: number;
      readonly commitment: string;
      readonly provider: string;
    }
  | { readonly type: 'trust.reported'; readonly by: number; readonly peer: number }
  | { readonly type: 'trust.revoked'; readonly by: number; readonly peer: number }
  | {
      readonly type: 'network.created';
      readonly id: number;
      readonly name: string;
      readonly joinRule: string;
      readonly token?: StoredSecret;
      readonly adminToken?: StoredSecret;
      readonly enterprise: boolean;
      readonly rules?: string;
      readonly exprPolicy?: string;
      /** 0 = nobody. */
      readonly creator: number;
      readonly at: number;
    }
  | { readonly type: 'network.joined'; readonly network: number; readonly node: number; readonly role: Role }
  | { readonly type: 'network.left'; readonly network: number; readonly node: number }
  | { readonly type: 'network.deleted'; readonly network: number }
  | { readonly type: 'network.renamed'; readonly network: number; readonly name: string }
  | { readonly type: 'network.enterprise'; readonly network: number; readonly enterprise: boolean }
  | {
      readonly type: 'lease.granted';
      readonly resource: string;
      readonly node: number;
      readonly token: number;
      readonly ttlMs: number;
      readonly at: number;
    }
  | {
      readonly type: 'lease.released';
      readonly resource: string;
      readonly token: number;
      readonly at: number;
      /** Why: its holder has done the work, gives up, or has not renewed it. */
      readonly why: 'done' | 'given_up' | 'expired';
      /** Of this resource it is forgotten who has done it, to make room. */
      readonly forgets?: string;
    }
  | { readonly type: 'settings.identity_webhook'; readonly url: string }
  | { readonly type: 'settings.identity_provider'; readonly provider: IdentityProviderSettings | undefined };

/** The recovery statement that has been used up. */
export interface ConsumedRecovery {
  readonly nonce: string;
  readonly exp: number;
}

export type EventType = RegistryEvent['type'];

/** Numbers of the event types in the log: never reused, never changed. */
export const eventCodes: Readonly<Record<EventType, number>> = {
  'node.registered': 1,
  'node.updated': 2,
  'node.reclaimed': 3,
  'node.deregistered': 4,
  'nodes.reaped': 5,
  'tombstones.evicted': 6,
  'node.hostname': 7,
  'node.tags': 8,
  'node.visibility': 9,
  'node.task_exec': 10,
  'node.external_id': 11,
  'key.rotated': 12,
  'key.recovered': 13,
  'key.expiry': 14,
  'key.requires_v2': 15,
  'badge.submitted': 16,
  'recovery.enrolled': 17,
  'trust.reported': 18,
  'trust.revoked': 19,
  'network.created': 20,
  'network.joined': 21,
  'network.left': 22,
  'network.deleted': 23,
  'network.renamed': 24,
  'network.enterprise': 25,
  'settings.identity_webhook': 26,
  'settings.identity_provider': 27,
  'lease.granted': 28,
  'lease.released': 29,
};

const typesByCode = new Map<number, EventType>(
  Object.entries(eventCodes).map(([type, code]) => [code, type as EventType]),
);

/** Encodes an event for the log: its number, and its members as JSON. */
export function encodeEvent(event: RegistryEvent): { type: number; payload: Buffer } {
  const { type, ...members } = event;
  return { type: eventCodes[type], payload: Buffer.from(JSON.stringify(members)) };
}

/**
 * Decodes an event from the log. Answers undefined for a type that this version does not know: the caller must refuse
 * the store then, because skipping an event would change the state.
 */
export function decodeEvent(code: number, payload: Uint8Array): RegistryEvent | undefined {
  const type = typesByCode.get(code);
  if (type === undefined) return undefined;
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
  const event = JSON.parse(text) as Record<string, unknown>;
  event['type'] = type;
  return event as unknown as RegistryEvent;
}
