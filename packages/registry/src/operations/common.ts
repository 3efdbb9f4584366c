import { challenges } from '@muster/core/identity';
import { shownAddress } from '../model/disclosure.ts';
import type { Directory } from '../model/directory.ts';
import { NodeFlag } from '../model/node-table.ts';
import type { Call, Demand, SignatureTexts } from './operation.ts';
import { nodeNotFound, refuse } from './refusal.ts';
import type { AdminScope } from '../auth/index.ts';
import { type Message, readText } from '../wire/index.ts';

/** Slot of a live node; refuses with `node %d: node not found`. */
export function requireNode(state: Directory, id: number): number {
  const slot = state.nodes.liveSlotOf(id);
  return slot >= 0 ? slot : nodeNotFound(id);
}

/** A demand for the signature of the acting node, or an admin token. */
export function signedOrAdmin(node: number, challenge: string, scope: AdminScope): Demand {
  return { kind: 'signature', node, challenge, orAdmin: scope };
}

/** Whether a request brings a signature, of either version (spec 4.2, B-10). */
export function bringsSignature(message: Message): boolean {
  return readText(message, 'signature') !== '' || readText(message, 'signature_v2') !== '';
}

/** A demand for the signature of the acting node. */
export function signed(node: number, challenge: string, texts?: SignatureTexts): Demand {
  return texts === undefined
    ? { kind: 'signature', node, challenge }
    : { kind: 'signature', node, challenge, texts };
}

/** What shows where a node is: `real_addr` and, for relay-only nodes, the beacon's with a mark (spec 7.2). */
export function addressMembers(
  call: Call,
  slot: number,
): { readonly real_addr: string; readonly relay_only: true | undefined } {
  const nodes = call.state.nodes;
  return {
    real_addr: shownAddress(nodes, slot, nodes.profile(slot), call.policy.beaconAddress),
    relay_only: nodes.has(slot, NodeFlag.relayOnly) ? true : undefined,
  };
}

/** Whole days since the key was made or rotated; -1 when unknown (spec 1.2). */
export function keyAgeDays(state: Directory, slot: number, now: number): number {
  const since = (state.nodes.rotatedAt[slot] as number) || (state.nodes.createdAt[slot] as number);
  return since === 0 ? -1 : Math.max(0, Math.floor((now - since) / 86_400));
}

/** Refuses a requester that is not a registered node: `resolve denied: requester node %d is not registered`. */
export function requireRequester(state: Directory, id: number): number {
  const slot = state.nodes.liveSlotOf(id);
  return slot >= 0 ? slot : refuse('not_found', `resolve denied: requester node ${id} is not registered`);
}

export { challenges };
