import type { PeerAddress, Random } from '@muster/core';
import type { AdminScope, KeyRing } from '../auth/index.ts';
import type { BreakerName } from '../breakers/index.ts';
import type { Directory } from '../model/directory.ts';
import type { EventType, RegistryEvent } from '../model/events.ts';
import type { ListBody, ListCache } from '../model/list-cache.ts';
import type { JsonValue, Message, RawJson } from '../wire/index.ts';
import type { FieldSet, RequestOf } from './fields.ts';
import type { AuditNote, RefusalCode } from './refusal.ts';
import type { RegistryPolicy } from './policy.ts';

/** What an operation may look at. It changes nothing: it answers with a {@link Decision}. */
export interface Call<F extends FieldSet = FieldSet> {
  readonly request: RequestOf<F>;
  /** The message as it came, for fields whose presence matters. */
  readonly message: Message;
  readonly state: Directory;
  /** Unix seconds. */
  readonly now: number;
  /** The TCP peer. */
  readonly source: PeerAddress;
  readonly policy: RegistryPolicy;
  readonly random: Random;
  readonly lists: ListCache;
  readonly badgeKeys: KeyRing;
  readonly recoveryKeys: KeyRing;
  /** Whether this connection has proven possession of the node's present key within the last 120 s (B-09, B-25). */
  proven(nodeId: number): boolean;
  /** Whether a valid admin token with this scope came with the request. */
  isAdmin(scope: AdminScope): boolean;
  /** Name of the valid admin token that came with the request, for the audit. */
  adminName(): string | undefined;
  /** Whether another new key may be registered from this address now (B-05); counts when it may. */
  admitNewKey(): boolean;
  /** Sequence number of the last event that has been applied. */
  readonly appliedSeq: number;
  /** Milliseconds of a clock that never goes back: how old something is that this process has seen. */
  monotonicMs(): number;
}

/** Texts of a signature demand that differ from the usual ones (spec 4.1). */
export interface SignatureTexts {
  readonly noKey?: string;
  readonly missing?: string;
  readonly invalid?: string;
  readonly failed?: string;
}

/** What must be true, or be fetched, before an operation decides. */
export type Demand =
  | {
      readonly kind: 'signature';
      /** The acting node; its stored key must have signed. */
      readonly node: number;
      readonly challenge: string;
      /** A valid admin token with this scope does instead. */
      readonly orAdmin?: AdminScope;
      readonly texts?: SignatureTexts;
    }
  | {
      /** A signature by a key that the request itself carries (register). */
      readonly kind: 'key-signature';
      readonly key: Uint8Array;
      readonly challenge: string;
      readonly texts: Required<Omit<SignatureTexts, 'noKey'>>;
    }
  | {
      /** A statement that the issuer with this key must have signed; `failed` is the text when it has not. */
      readonly kind: 'statement';
      readonly key: Uint8Array;
      readonly text: string;
      readonly signature: Uint8Array;
      readonly code: RefusalCode;
      readonly failed: string;
    }
  | { readonly kind: 'admin'; readonly scope: AdminScope; readonly text?: string }
  | {
      /** An admin token, the network's own token, or a proven member with one of the roles (spec 4.1, B-09). */
      readonly kind: 'role';
      readonly network: number;
      readonly node: number;
      readonly roles: readonly string[];
    }
  | {
      /** The list of this network must have been built. */
      readonly kind: 'list';
      readonly network: number;
    }
  | { readonly kind: 'identity-token'; readonly token: string; readonly webhookUrl: string }
  | { readonly kind: 'provider-token'; readonly token: string };

/** How the demands were met. */
export interface Proof {
  /** The acting node's key signed the request, or the key in it did. */
  readonly signed: boolean;
  /** The key in the request signed it with a version 2 signature (B-10). */
  readonly strong?: boolean;
  /** Name of the admin token that was used. */
  readonly admin?: string;
  /** External id that the identity webhook answered. */
  readonly externalId?: string;
  /** What the identity provider's check answered. */
  readonly provider?:
    | { readonly verified: true; readonly subject: string; readonly issuer: string }
    | { readonly verified: false; readonly error: string };
}

/** The members of a successful reply; the dispatcher adds `type`. */
export type Reply = { readonly [name: string]: JsonValue | undefined };

/** A body of list_nodes in pieces: `{"type":"list_nodes_ok","nodes":[` pieces `]` tail `}`. */
export class ListReply {
  readonly body: ListBody;
  readonly tail: string;

  constructor(body: ListBody, tail: string) {
    this.body = body;
    this.tail = tail;
  }
}

/** What an operation answers. */
export interface Decision {
  readonly reply: Reply | RawJson | ListReply;
  /** What happened; logged and applied together, before the reply is sent. */
  readonly events?: readonly RegistryEvent[];
  readonly audit?: readonly AuditNote[];
  /** A sign of life of this node. */
  readonly seen?: number;
  /** The lease of this resource is renewed from now on: not logged, as signs of life are not. */
  readonly renews?: string;
  /**
   * The reply shows nothing newer than this event. Left out: everything applied so far. The reply is held back until that
   * is durable, so that no answer shows what a crash could still take back.
   */
  readonly reads?: number;
}

/** How callers prove who they are, for the reference page. */
export type AuthKind = 'none' | 'signature' | 'signature or admin' | 'admin' | 'role' | 'statement';

/** One wire operation: the row from which dispatch, metrics, permission tests and the protocol reference come. */
export interface Operation<F extends FieldSet = FieldSet> {
  /** `type` on the wire. */
  readonly type: string;
  readonly summary: string;
  /** Section of the registry specification. */
  readonly section: string;
  readonly fields: F;
  readonly auth: AuthKind;
  /** What is signed, with names of fields in angle brackets. */
  readonly challenge?: string;
  readonly breaker?: BreakerName;
  /** Whether a standby answers it (spec 3.1). */
  readonly standby: boolean;
  readonly emits: readonly EventType[];
  /** Members of the reply besides `type`, with what they mean. */
  readonly replies: Readonly<Record<string, string>>;
  /** Error texts beyond those of the authentication. */
  readonly errors: readonly string[];
  /** Checks that come before the proof, and what must be proven. Throws a Refusal. */
  demands?(call: Call<F>): readonly Demand[];
  /** Decides. Pure and synchronous; state may have changed since `demands`. Throws a Refusal. */
  decide(call: Call<F>, proof: Proof): Decision;
}

/** Declares an operation; the type parameter is inferred from its fields. */
export function defineOperation<F extends FieldSet>(row: Operation<F>): Operation {
  return row as unknown as Operation;
}
