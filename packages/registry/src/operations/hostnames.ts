import type { Directory } from '../model/directory.ts';
import { NodeFlag } from '../model/node-table.ts';

/**
 * Id of the node that keeps others from taking a hostname, or undefined when `slot` may have it. A reaped node's name is
 * kept for it for a while (B-16).
 */
export function hostnameHolder(
  state: Directory,
  hostname: string,
  slot: number,
  now: number,
): number | undefined {
  const holder = state.nodes.slotOfHostname(hostname);
  if (holder < 0 || holder === slot) return undefined;
  const goneAt = state.nodes.goneAt[holder] as number;
  const isHeld = state.nodes.has(holder, NodeFlag.live) || now - goneAt < state.limits.hostnameHoldSeconds;
  return isHeld ? state.nodes.idOf(holder) : undefined;
}
