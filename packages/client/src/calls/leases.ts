/** Leases: leave to do one piece of work that nobody else does at the same time. Only Muster's registry has them. */
import { compact, type Fields, type WithRaw } from '../reply.ts';
import { clientErrors } from '../errors.ts';
import { rawOf } from './directory.ts';
import type { NodeCallOptions } from './exchange.ts';
import { NetworkCalls } from './networks.ts';

const MAX_RESOURCE_BYTES = 256;

/** Which lease, as its holder names it. */
export interface GrantedLease {
  /** `<network>:<name>`. */
  readonly resource: string;
  readonly epoch: number;
  readonly token: number;
}

/** Options of `acquireLease`. */
export interface AcquireLeaseOptions extends NodeCallOptions {
  /** How long it lasts without a renewal: 1000 to 60000. @default 10000 */
  readonly ttlMs?: number;
  /** The `done` reply that is known, and in spite of which the lease is wanted: granted unless there has been another since. */
  readonly notwithstanding?: { readonly epoch: number; readonly token: number };
}

/** Who has, or had, a lease. */
export interface LeaseHolder {
  readonly nodeId: number;
  /** 32 bytes; absent when the node is gone. */
  readonly publicKey?: Uint8Array;
}

/** Answer to a wish for a lease. */
export type LeaseReply = WithRaw & {
  readonly resource: string;
  readonly epoch: number;
  /** Fencing token: a later grant has a higher one. */
  readonly token: number;
} & (
    | { readonly state: 'granted'; readonly ttlMs: number }
    /** Somebody else has it. */
    | { readonly state: 'held'; readonly holder: LeaseHolder; readonly remainingMs: number }
    /** Nobody has it, and the last holder has said that the work is done. */
    | { readonly state: 'done'; readonly holder: LeaseHolder }
  );

/** A lease that goes on. */
export interface RenewedLease extends WithRaw {
  readonly ttlMs: number;
}

export class LeaseCalls extends NetworkCalls {
  /**
   * Asks for a lease. The resource is `<network>:<name>`, at most 256 bytes: only members of the network may have it, or, for
   * network 0, any node with a key. Who has it already gets the same lease, renewed. At least once.
   */
  async acquireLease(resource: string, options: AcquireLeaseOptions = {}): Promise<LeaseReply> {
    const nodeId = this.exchanger.actingNode(options);
    const fields = await this.exchanger.json({
      type: 'lease_acquire',
      fields: {
        node_id: nodeId,
        resource: requireResource(resource),
        ttl_ms: options.ttlMs,
        done_epoch: options.notwithstanding?.epoch,
        done_token: options.notwithstanding?.token,
      },
      authorization: { kind: 'signature', nodeId },
      repeatable: true,
      options,
    });
    return readLease(resource, fields);
  }

  /** Lets a lease go on for its whole time. Refused with `conflict` when it is lost. At least once. */
  async renewLease(lease: GrantedLease, options: NodeCallOptions = {}): Promise<RenewedLease> {
    const fields = await this.#held('lease_renew', lease, {}, options);
    return { ttlMs: fields.number('ttl_ms'), raw: rawOf(fields) };
  }

  /**
   * Gives a lease back; `done` says that the work is done. Resolves with whether it was still there. At least once.
   */
  async releaseLease(
    lease: GrantedLease,
    options: NodeCallOptions & { readonly done?: boolean } = {},
  ): Promise<WithRaw & { readonly released: boolean }> {
    const done = options.done === true ? true : undefined;
    const fields = await this.#held('lease_release', lease, { done }, options);
    return { released: fields.flag('released'), raw: rawOf(fields) };
  }

  async #held(type: string, lease: GrantedLease, more: object, options: NodeCallOptions): Promise<Fields> {
    const nodeId = this.exchanger.actingNode(options);
    const { epoch, token } = lease;
    return await this.exchanger.json({
      type,
      fields: { node_id: nodeId, resource: requireResource(lease.resource), epoch, token, ...more },
      authorization: { kind: 'signature', nodeId },
      repeatable: true,
      options,
    });
  }
}

function requireResource(resource: string): string {
  if (resource === '' || Buffer.byteLength(resource) > MAX_RESOURCE_BYTES) {
    throw clientErrors.create('REQUEST_INVALID', `a resource has 1 to ${MAX_RESOURCE_BYTES} bytes`);
  }
  return resource;
}

function readLease(resource: string, fields: Fields): LeaseReply {
  const state = fields.text('state');
  const stamp = {
    resource,
    epoch: fields.number('epoch'),
    token: fields.number('token'),
    raw: rawOf(fields),
  };
  if (state === 'granted') return { ...stamp, state, ttlMs: fields.number('ttl_ms') };
  const holder = compact<LeaseHolder>({
    nodeId: fields.number('holder'),
    publicKey: fields.key('holder_public_key'),
  });
  if (state === 'held') return { ...stamp, state, holder, remainingMs: fields.number('remaining_ms') };
  if (state === 'done') return { ...stamp, state, holder };
  throw clientErrors.create('PROTOCOL', 'the reply to lease_acquire has an unknown state');
}
