/** What the operations on leases have in common. */
import { type HeldLease, remainingMs } from '../model/lease-table.ts';
import type { Directory } from '../model/directory.ts';
import { BACKBONE } from '../model/limits.ts';
import { NodeFlag } from '../model/node-table.ts';
import { requireNode, signed } from './common.ts';
import { field } from './fields.ts';
import { expiredKey } from './heartbeat.ts';
import type { Call, Demand } from './operation.ts';
import { refuse } from './refusal.ts';

/** Longest resource. */
export const MAX_RESOURCE_BYTES = 256;

/** `<network>:<name>`: printable ASCII, without spaces. */
const RESOURCE = /^(0|[1-9][0-9]{0,4}):[!-~]+$/;

export const leaseFields = {
  node_id: field.u32('the node that is to hold it'),
  resource: field.text(
    'what the lease is of: `<network>:<name>`, at most 256 bytes; only members of the network may hold it, of network 0 all nodes with a key',
  ),
  signature: field.text("the node's signature"),
};

/** For operations on a lease that was granted. */
export const heldLeaseFields = {
  ...leaseFields,
  epoch: field.integer('as it was granted'),
  token: field.integer('as it was granted'),
};

/** Texts of what is refused by {@link leaseDemands} and {@link requireHolder}. */
export const LEASE_ERRORS = [
  'invalid resource: want <network>:<name>, at most 256 printable characters',
  'node %d: node not found',
  'node %d: key expired at %s',
  'node %d is not a member of network %d',
] as const;

type LeaseCall = Call<typeof leaseFields>;

/** The demands: a signature, or a connection on which the node has proven itself lately. */
export function leaseDemands(call: LeaseCall, challenge: string): readonly Demand[] {
  const { node_id: node, resource } = call.request;
  if (resource.length > MAX_RESOURCE_BYTES || !RESOURCE.test(resource)) {
    refuse('invalid_request', LEASE_ERRORS[0]);
  }
  requireNode(call.state, node);
  return call.proven(node) ? [] : [signed(node, challenge)];
}

/** Refuses who may not hold the lease: without a valid key, or no member of the network that the resource names. */
export function requireHolder({ state, request, now }: LeaseCall): void {
  const { node_id: node, resource } = request;
  const slot = requireNode(state, node);
  if (!state.nodes.has(slot, NodeFlag.hasKey)) {
    refuse('auth_signature', 'node has no public key: signature or admin token required');
  }
  const expiresAt = state.nodes.expiresAt[slot] as number;
  if (expiresAt !== 0 && expiresAt <= now) throw expiredKey(node, expiresAt);
  const network = Number(resource.slice(0, resource.indexOf(':')));
  if (network === BACKBONE) return;
  // The same for a network that is not there: it is nobody's business.
  if (state.networks.get(network)?.has(node) !== true) {
    refuse('denied', `node ${node} is not a member of network ${network}`);
  }
}

/** The lease that the request names, if the node has it; it may have ended. */
export function leaseOf(
  state: Directory,
  request: {
    readonly node_id: number;
    readonly resource: string;
    readonly epoch: number | undefined;
    readonly token: number | undefined;
  },
): HeldLease | undefined {
  const lease = state.leases.held.get(request.resource);
  if (lease === undefined || lease.node !== request.node_id) return undefined;
  return lease.token === request.token && state.leaseEpoch === request.epoch ? lease : undefined;
}

/** Whether the lease goes on, unless its holder gives it back. */
export function isRunning(lease: HeldLease, nowMs: number): boolean {
  return remainingMs(lease, nowMs) > 0;
}
