import { clientErrors } from '../errors.ts';

/** Largest node id, and the node id of a broadcast (registry spec section 1.1). */
export const MAX_NODE_ID = 0xffff_ffff;
/** Largest network id. */
export const MAX_NETWORK_ID = 0xffff;

/** A virtual address taken apart. */
export interface NodeAddress {
  readonly networkId: number;
  readonly nodeId: number;
}

/** The text of a virtual address: `1:0001.00A3.F291`. Throws REQUEST_INVALID for ids out of range. */
export function formatAddress({ networkId, nodeId }: NodeAddress): string {
  requireNetworkId(networkId);
  if (!Number.isInteger(nodeId) || nodeId < 0 || nodeId > MAX_NODE_ID) {
    throw clientErrors.create('REQUEST_INVALID', `node id out of range: ${nodeId}`);
  }
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(4, '0');
  return `${networkId}:${hex(networkId)}.${hex(nodeId >>> 16)}.${hex(nodeId & 0xffff)}`;
}

/** Takes the text of a virtual address apart; undefined when it is none. Hex digits may have either case. */
export function parseAddress(text: string): NodeAddress | undefined {
  const match = /^(\d+):([0-9A-Fa-f]{4})\.([0-9A-Fa-f]{4})\.([0-9A-Fa-f]{4})$/.exec(text);
  if (match === null) return undefined;
  const [, decimal = '', network = '', high = '', low = ''] = match;
  const networkId = Number.parseInt(network, 16);
  if (Number(decimal) !== networkId) return undefined;
  return { networkId, nodeId: Number.parseInt(high + low, 16) };
}

/** The registry reads an id out of range as 0, so such an id must not leave. Throws REQUEST_INVALID. */
export function requireNodeId(nodeId: number, what = 'node id'): number {
  if (!Number.isInteger(nodeId) || nodeId < 1 || nodeId > MAX_NODE_ID) {
    throw clientErrors.create(
      'REQUEST_INVALID',
      `${what} must be an integer from 1 to ${MAX_NODE_ID}: ${nodeId}`,
    );
  }
  return nodeId;
}

/** As {@link requireNodeId}, for a network. Throws REQUEST_INVALID. */
export function requireNetworkId(networkId: number): number {
  if (!Number.isInteger(networkId) || networkId < 0 || networkId > MAX_NETWORK_ID) {
    throw clientErrors.create(
      'REQUEST_INVALID',
      `network id must be an integer from 0 to ${MAX_NETWORK_ID}: ${networkId}`,
    );
  }
  return networkId;
}
