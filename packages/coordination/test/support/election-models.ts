import type { ClusterNode } from '../../src/types.ts';

/** A member of the tests' cluster, with the transfer address `<id>:5001`. */
export function clusterNode(id: string, zone = ''): ClusterNode {
  return { id, addr: `${id}:5001`, zone, peerId: '', p2pAddrs: [] };
}
