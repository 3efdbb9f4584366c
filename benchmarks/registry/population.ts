import { createHash } from 'node:crypto';
import { Identity } from '@muster/core/identity';

/** The first nodes of each store have real keys, so that the load generator can sign for them. */
export const KEYED_NODES = 1024;
/** Network 1 has this many members, the nodes with the lowest ids, in stores that have as many. */
export const LIST_MEMBERS = 45_000;
export const LIST_NETWORK = 1;

const identities = new Map<number, Identity>();

/** The key of node `id`, the same in every process. */
export function identityOf(id: number): Identity {
  let identity = identities.get(id);
  if (identity === undefined) {
    identity = makeIdentity(id);
    identities.set(id, identity);
  }
  return identity;
}

function makeIdentity(id: number): Identity {
  return Identity.fromSeed(createHash('sha256').update(`muster benchmark node ${id}`).digest());
}

/** Whether a node shows its address: half of them do. */
export function isPublicNode(id: number): boolean {
  return id % 2 === 0;
}
