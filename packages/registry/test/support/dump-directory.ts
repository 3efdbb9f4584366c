import type { Directory } from '../../src/model/directory.ts';
import { STORED_FLAGS } from '../../src/model/node-table.ts';

/** Everything that two equal directories have in common, in a form that `toEqual` can compare and show. */
export interface DirectoryDump {
  readonly nodes: readonly unknown[];
  readonly networks: readonly unknown[];
  readonly trust: readonly unknown[];
  readonly rest: unknown;
}

/**
 * The whole stored state of a directory, independent of slots and of the order of maps. What the indices find is part
 * of it. Signs of life are not: they are not stored state.
 */
export function dumpDirectory(state: Directory): DirectoryDump {
  const { nodes } = state;
  const slots: number[] = [];
  for (let slot = 0; slot < nodes.usedSlots; slot++) if (nodes.idOf(slot) !== 0) slots.push(slot);
  slots.sort((a, b) => nodes.idOf(a) - nodes.idOf(b));
  return {
    nodes: slots.map((slot) => dumpNode(state, slot)),
    networks: [...state.networks.values()]
      .sort((a, b) => a.id - b.id)
      .map((network) => ({
        profile: network.profile,
        members: [...network.memberIds()],
        roles: [...network.roles].sort(([a], [b]) => a - b),
        tags: [...network.tags].sort(([a], [b]) => a - b),
      })),
    trust: dumpTrust(state),
    rest: {
      liveCount: nodes.liveCount,
      tombstoneCount: nodes.tombstoneCount,
      keyCount: nodes.keyCount,
      nextNode: state.nextNode,
      nextNetwork: state.nextNetwork,
      networksByName: [...state.networksByName].sort(([a], [b]) => (a < b ? -1 : 1)),
      identityWebhookUrl: state.identityWebhookUrl,
      identityProvider: state.identityProvider,
      carried: state.carried,
      trustPairs: state.trust.size,
      leases: {
        held: [...state.leases.held.values()].map(({ resource, node, token, ttlMs }) => [
          resource,
          node,
          token,
          ttlMs,
          state.leases.countOf(node),
        ]),
        done: [...state.leases.done.values()],
        lastToken: state.leases.lastToken,
        epoch: state.leaseEpoch,
      },
    },
  };
}

function dumpNode(state: Directory, slot: number): unknown {
  const { nodes } = state;
  const profile = nodes.profile(slot);
  const key = nodes.key(slot);
  const idAt = (found: number): number => (found < 0 ? 0 : nodes.idOf(found));
  return {
    id: nodes.idOf(slot),
    flags: (nodes.flags[slot] as number) & STORED_FLAGS,
    key: key?.toString('hex'),
    createdAt: nodes.createdAt[slot],
    rotatedAt: nodes.rotatedAt[slot],
    rotateCount: nodes.rotateCount[slot],
    expiresAt: nodes.expiresAt[slot],
    goneAt: nodes.goneAt[slot],
    profile,
    foundById: idAt(nodes.slotOf(nodes.idOf(slot))),
    foundByKey: key === undefined ? 0 : idAt(nodes.slotOfKey(key)),
    foundByHostname: idAt(nodes.slotOfHostname(profile.hostname)),
    foundByOwner: idAt(nodes.slotOfOwner(profile.owner)),
    trustCount: state.trust.countOf(nodes.idOf(slot)),
  };
}

function dumpTrust(state: Directory): unknown[] {
  const pairs: [number, number, number][] = [];
  for (const [smaller, { peers }] of state.trust.entries) {
    for (const [larger, bits] of peers) pairs.push([smaller, larger, bits]);
  }
  return pairs.sort(([a, b], [c, d]) => a - c || b - d);
}
