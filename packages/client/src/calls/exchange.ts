/** One request and its reply: credentials, encoding, and telling success from refusal. */
import { challengeFor, errorCode, type Identity, signRequest } from '@muster/core/identity';
import type { Environment } from '../environment.ts';
import { clientErrors, refused } from '../errors.ts';
import { type ResolvedOptions, requireDelay } from '../options.ts';
import type { Pool } from '../pool.ts';
import { Fields, type Message, type RawReply } from '../reply.ts';
import { requireNodeId } from '../wire/address.ts';
import { binaryFrame, type Frame, messageFrame, OPCODE } from '../wire/frames.ts';
import { decodeError, encodeHeartbeat } from '../wire/native.ts';

/** What every call takes. */
export interface CallOptions {
  /** Ends the call with ABORTED. A request that went out may take effect all the same. */
  readonly signal?: AbortSignal;
  /** @default requestTimeoutMs of the client */
  readonly timeoutMs?: number;
}

/** For calls on behalf of a node. */
export interface NodeCallOptions extends CallOptions {
  /** The node to act for. Only the client's own can be signed for. @default the client's nodeId */
  readonly nodeId?: number;
}

/** For calls that an administrator may make. */
export interface AdminCallOptions extends CallOptions {
  /** The registry's admin token, or, where it counts too, that of the network. @default adminToken of the client */
  readonly adminToken?: string;
}

/**
 * How a call proves that it may be made (registry spec section 4.1).
 *
 * - `none`: not at all
 * - `signature`: by the key of `nodeId`
 * - `signature-or-admin`: by the key of `nodeId` when that is the client's own node, else by an admin token
 * - `admin`: by an admin token
 * - `role`: by an admin token, or as a member of the network by the key of `nodeId`
 */
export type Authorization =
  | { readonly kind: 'none' }
  | { readonly kind: 'signature'; readonly nodeId: number; readonly challenge?: string }
  | { readonly kind: 'signature-or-admin'; readonly nodeId: number; readonly challenge?: string }
  | { readonly kind: 'admin'; readonly adminToken?: string | undefined }
  | { readonly kind: 'role'; readonly nodeId: number | undefined; readonly adminToken?: string | undefined };

/** A request in the native binary form, for unchanged semantics at less cost. */
export interface NativeForm {
  readonly opcode: number;
  readonly replyOpcode: number;
  /** `sign` gives the signature over the request's challenge. */
  payload(sign: () => Uint8Array): Uint8Array;
}

/** One call, before it is encoded. */
export interface Exchange {
  readonly type: string;
  readonly fields: Message;
  readonly authorization: Authorization;
  /** Whether sending it twice has the same outcome and gives the same reply as sending it once. */
  readonly repeatable: boolean;
  readonly native?: NativeForm;
  readonly options: CallOptions;
}

interface Credentials {
  readonly signer: Identity | undefined;
  readonly challenge: string | undefined;
  readonly adminToken: string | undefined;
  /** The node whose key has to be proven on the connection before the request. */
  readonly proveNodeId: number | undefined;
}

/** Who the client is; calls that change the key or the id change this. */
export interface Self {
  identity: Identity | undefined;
  nodeId: number | undefined;
  readonly adminToken: string | undefined;
}

/** Makes exchanges. */
export class Exchanger {
  readonly #options: ResolvedOptions;
  readonly #environment: Environment;
  readonly #pool: Pool;
  readonly self: Self;

  constructor(options: ResolvedOptions, environment: Environment, pool: Pool, self: Self) {
    this.#options = options;
    this.#environment = environment;
    this.#pool = pool;
    this.self = self;
  }

  get strict(): ResolvedOptions['strict'] {
    return this.#options.strict;
  }

  /** Seconds since the epoch. */
  unixSeconds(): number {
    return Math.floor(this.#environment.now() / 1000);
  }

  /** Sends a request and resolves with its reply. Rejects with any code of the client but OPTIONS_INVALID. */
  async run(exchange: Exchange): Promise<RawReply> {
    const credentials = this.#credentials(exchange);
    const { signal, timeoutMs } = exchange.options;
    const native = this.#native(exchange, credentials);
    const encode = (): readonly Uint8Array[] => [
      ...this.#proof(credentials),
      native === undefined
        ? this.#encode(exchange, credentials)
        : this.#encodeNative(native, exchange, credentials),
    ];
    // What holds no time is made once, and a request that can't be sent fails before anything is done for it.
    const timed = this.#options.signatures === 'v2' || this.strict.heartbeats;
    const frames = timed ? undefined : encode();
    return await new Promise((resolve, reject) => {
      this.#pool.submit({
        type: exchange.type,
        repeatable: exchange.repeatable,
        timeoutMs:
          timeoutMs === undefined ? this.#options.requestTimeoutMs : requireDelay('timeoutMs', timeoutMs),
        signal,
        encode: () => frames ?? encode(),
        read: (frame) => {
          const outcome = readReply(exchange.type, native?.replyOpcode, frame);
          if (outcome === undefined) return undefined;
          return () => (outcome instanceof Error ? reject(outcome) : resolve(outcome));
        },
        onError: reject,
      });
    });
  }

  /** As {@link Exchanger.run}, for a call that has only a JSON form. */
  async json(exchange: Exchange): Promise<Fields> {
    const raw = await this.run(exchange);
    if (raw.encoding === 'binary') {
      throw clientErrors.create('PROTOCOL', `the reply to ${exchange.type} is not JSON`);
    }
    return new Fields(`${exchange.type}_ok`, raw.message);
  }

  /** The node to act for. Throws CREDENTIAL_MISSING when neither the call nor the client names one. */
  actingNode(options: NodeCallOptions): number {
    const nodeId = options.nodeId ?? this.self.nodeId;
    if (nodeId === undefined) {
      throw clientErrors.create('CREDENTIAL_MISSING', 'no node id: register first, or give nodeId');
    }
    return requireNodeId(nodeId);
  }

  /** Whether the client can sign for this node: a client without an own id is taken at its word. */
  signsFor(nodeId: number): boolean {
    return (
      this.self.identity !== undefined && (this.self.nodeId === undefined || this.self.nodeId === nodeId)
    );
  }

  #credentials({ type, fields, authorization }: Exchange): Credentials {
    const none = { signer: undefined, challenge: undefined, adminToken: undefined, proveNodeId: undefined };
    switch (authorization.kind) {
      case 'none':
        return none;
      case 'admin':
        return { ...none, adminToken: this.#adminToken(type, authorization.adminToken) };
      case 'signature':
      case 'signature-or-admin': {
        if (this.signsFor(authorization.nodeId)) {
          const challenge = authorization.challenge ?? challengeFor(type, fields);
          if (challenge === undefined && this.#options.signatures === 'v1') {
            throw clientErrors.create('REQUEST_INVALID', `${type} has no challenge to sign`);
          }
          return { ...none, signer: this.self.identity, challenge };
        }
        if (authorization.kind === 'signature-or-admin' && this.self.adminToken !== undefined) {
          return { ...none, adminToken: this.self.adminToken };
        }
        throw clientErrors.create(
          'CREDENTIAL_MISSING',
          `${type} needs the key of node ${authorization.nodeId}`,
        );
      }
      case 'role': {
        const adminToken = authorization.adminToken ?? this.self.adminToken;
        if (adminToken !== undefined) return { ...none, adminToken };
        const { nodeId } = authorization;
        if (nodeId === undefined) {
          throw clientErrors.create(
            'CREDENTIAL_MISSING',
            `${type} needs an admin token, or a node with a role`,
          );
        }
        // Servers that take the node's word for it need no proof; Muster does.
        if (!this.signsFor(nodeId)) return none;
        return this.#options.signatures === 'v2'
          ? { ...none, signer: this.self.identity }
          : { ...none, proveNodeId: nodeId };
      }
      default:
        return authorization satisfies never;
    }
  }

  #adminToken(type: string, given: string | undefined): string {
    const adminToken = given ?? this.self.adminToken;
    if (adminToken === undefined) {
      throw clientErrors.create('CREDENTIAL_MISSING', `${type} needs an admin token`);
    }
    return adminToken;
  }

  #native(exchange: Exchange, credentials: Credentials): NativeForm | undefined {
    if (this.#options.encoding !== 'binary' || credentials.adminToken !== undefined) return undefined;
    // The native forms have no room for a second signature.
    if (credentials.signer !== undefined && this.#options.signatures === 'v2') return undefined;
    return exchange.native;
  }

  #encodeNative(native: NativeForm, exchange: Exchange, { signer, challenge }: Credentials): Uint8Array {
    const payload = native.payload(() => {
      if (signer === undefined || challenge === undefined) {
        throw clientErrors.create('CREDENTIAL_MISSING', `${exchange.type} needs a signature`);
      }
      return signer.signBytes(challenge);
    });
    return binaryFrame(native.opcode, payload);
  }

  #encode(exchange: Exchange, credentials: Credentials): Uint8Array {
    try {
      return messageFrame(this.#options.encoding, this.#message(exchange, credentials));
    } catch (cause) {
      if (errorCode(cause) !== 'REQUEST_NOT_CANONICAL') throw cause;
      throw clientErrors.create('REQUEST_INVALID', `${exchange.type}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  #message({ type, fields }: Exchange, { signer, challenge, adminToken }: Credentials): Message {
    let message: Message = { type, ...fields };
    if (adminToken !== undefined) message = { ...message, admin_token: adminToken };
    if (signer === undefined) return message;
    return this.#options.signatures === 'v2'
      ? signRequest(signer, message, { unixSeconds: this.unixSeconds(), nonce: this.#environment.nonce() })
      : { ...message, signature: signer.sign(challenge ?? '') };
  }

  /** A signed heartbeat: what proves to Muster that this connection belongs to the node (spec section 4.1, B-09). */
  #proof({ proveNodeId }: Credentials): readonly Uint8Array[] {
    const { identity } = this.self;
    if (proveNodeId === undefined || identity === undefined) return [];
    const fields = this.strict.heartbeats
      ? { node_id: proveNodeId, ts: this.unixSeconds() }
      : { node_id: proveNodeId };
    const signature = identity.signBytes(challengeFor('heartbeat', fields) ?? '');
    if (this.#options.encoding === 'binary' && !this.strict.heartbeats) {
      return [binaryFrame(OPCODE.heartbeat, encodeHeartbeat(proveNodeId, signature))];
    }
    const message = { type: 'heartbeat', ...fields, signature: signature.toString('base64') };
    return [messageFrame(this.#options.encoding, message)];
  }
}

/** A reply, an error that the registry or the reply's form stands for, or undefined for a reply to something else. */
function readReply(
  type: string,
  replyOpcode: number | undefined,
  frame: Frame,
): RawReply | Error | undefined {
  if (frame.opcode === OPCODE.error && frame.opcode !== replyOpcode)
    return refused(type, decodeError(frame.payload));
  if (replyOpcode !== undefined) {
    if (frame.opcode !== replyOpcode) return undefined;
    return { encoding: 'binary', opcode: frame.opcode, payload: Uint8Array.from(frame.payload) };
  }
  if (frame.opcode !== OPCODE.json) return undefined;
  const message = parseMessage(frame.payload);
  if (message === undefined) return undefined;
  if (isRefusal(message)) {
    const retryAfterMs = message['retry_after_ms'];
    return refused(type, typeof message['error'] === 'string' ? message['error'] : 'request failed', {
      code: typeof message['code'] === 'string' ? message['code'] : undefined,
      retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
    });
  }
  return message['type'] === `${type}_ok` ? { encoding: 'json', message } : undefined;
}

/** Any reply with `error` is a refusal, but for the verdict on a token, whose `error` says why the verdict is no. */
function isRefusal(message: Message): boolean {
  if (!Object.hasOwn(message, 'error')) return false;
  return !(message['type'] === 'validate_token_ok' && message['verified'] === false);
}

function parseMessage(payload: Buffer): Message | undefined {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Message)
      : undefined;
  } catch {
    return undefined;
  }
}
