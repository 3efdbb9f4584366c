import { verifyOriginalAuditChain } from './audit-chain.ts';
import { encodeOriginalKey } from './keys.ts';
import { backboneNetworkId } from './types.ts';
import type { OriginalNetwork, OriginalStore } from './types.ts';
import { OriginalWarnings } from './warnings.ts';
import type { OriginalWarningReport } from './warnings.ts';

const knownRoles = new Set(['owner', 'admin', 'member']);

/**
 * Checks that the parts of a store agree with each other: members and nodes, roles, unique names, trust, inboxes, the
 * audit chain. Changes nothing; every disagreement becomes a warning. One pass, linear in the size of the store.
 */
export function checkOriginalStore(
  store: OriginalStore,
  warnings: OriginalWarnings = new OriginalWarnings(),
): OriginalWarningReport {
  checkUniqueness(store, warnings);
  const names = new Map<string, number>();
  for (const network of store.networks.values()) {
    const members = new Set(network.members);
    checkMembers(store, network, members, warnings);
    checkRoles(network, members, warnings);
    const namesake = names.get(network.name);
    if (namesake === undefined) names.set(network.name, network.id);
    else {
      const message = `networks ${namesake} and ${network.id} have the same name`;
      warnings.add('DUPLICATE_NETWORK_NAME', `networks.${network.id}.name`, message);
    }
  }
  checkNodeNetworks(store, warnings);
  checkTrust(store, warnings);
  checkInboxes(store, warnings);
  for (const networkId of store.rbacPreAssign.keys()) {
    if (store.networks.has(networkId)) continue;
    const message = `roles wait in network ${networkId}, which does not exist`;
    warnings.add('PRE_ASSIGN_UNKNOWN_NETWORK', `rbac_pre_assign.${networkId}`, message);
  }
  for (const { index, kind } of verifyOriginalAuditChain(store.auditLog)) {
    const message = `the audit chain does not hold at entry ${index} (${kind})`;
    warnings.add('AUDIT_CHAIN_BROKEN', `audit_log.${index}`, message);
  }
  return warnings;
}

function checkUniqueness(store: OriginalStore, warnings: OriginalWarnings): void {
  const hostnames = new Map<string, number>();
  const owners = new Map<string, number>();
  const keys = new Map<string, number>();
  const claim = (
    taken: Map<string, number>,
    value: string,
    id: number,
    code: 'DUPLICATE_HOSTNAME' | 'DUPLICATE_OWNER' | 'DUPLICATE_KEY',
    member: string,
  ): void => {
    const holder = taken.get(value);
    if (holder === undefined) taken.set(value, id);
    else warnings.add(code, `nodes.${id}.${member}`, `nodes ${holder} and ${id} have the same ${member}`);
  };
  for (const node of store.nodes.values()) {
    if (node.hostname !== '') claim(hostnames, node.hostname, node.id, 'DUPLICATE_HOSTNAME', 'hostname');
    if (node.owner !== '') claim(owners, node.owner, node.id, 'DUPLICATE_OWNER', 'owner');
    if (node.publicKey !== undefined) {
      claim(keys, encodeOriginalKey(node.publicKey), node.id, 'DUPLICATE_KEY', 'public_key');
    } else if (node.asWritten?.['public_key'] === undefined) {
      // One that is present but unreadable was reported when it was read.
      const message = `node ${node.id} has no public key; it can only be managed by an administrator`;
      warnings.add('NODE_KEY_INVALID', `nodes.${node.id}.public_key`, message);
    }
  }
}

function checkMembers(
  store: OriginalStore,
  network: OriginalNetwork,
  members: ReadonlySet<number>,
  warnings: OriginalWarnings,
): void {
  const path = `networks.${network.id}.members`;
  for (const member of members) {
    const node = store.nodes.get(member);
    if (node === undefined) {
      // Reaped nodes keep their membership and get it back when they return.
      warnings.add(
        'MEMBER_WITHOUT_NODE',
        path,
        `network ${network.id} lists node ${member}, which does not exist`,
      );
    } else if (!node.networks.includes(network.id)) {
      const message = `network ${network.id} lists node ${member}, which does not list the network`;
      warnings.add('MEMBER_NOT_LISTED', path, message);
    }
  }
  for (const tagged of network.memberTags.keys()) {
    if (members.has(tagged)) continue;
    const message = `network ${network.id} has tags for node ${tagged}, which is not a member`;
    warnings.add('TAGS_WITHOUT_MEMBER', `networks.${network.id}.member_tags.${tagged}`, message);
  }
}

function checkRoles(
  network: OriginalNetwork,
  members: ReadonlySet<number>,
  warnings: OriginalWarnings,
): void {
  let owned = false;
  for (const [holder, role] of network.memberRoles) {
    const path = `networks.${network.id}.member_roles.${holder}`;
    if (!knownRoles.has(role)) warnings.add('ROLE_UNKNOWN', path, `${path} is not a known role`);
    if (!members.has(holder)) {
      const message = `network ${network.id} has a role for node ${holder}, which is not a member`;
      warnings.add('ROLE_WITHOUT_MEMBER', path, message);
    } else if (role === 'owner') owned = true;
  }
  if (owned || network.id === backboneNetworkId || network.members.length === 0) return;
  warnings.add('NETWORK_WITHOUT_OWNER', `networks.${network.id}`, `network ${network.id} has no owner`);
}

function checkNodeNetworks(store: OriginalStore, warnings: OriginalWarnings): void {
  const membersOf = new Map<number, Set<number>>();
  for (const network of store.networks.values()) membersOf.set(network.id, new Set(network.members));
  for (const node of store.nodes.values()) {
    for (const networkId of node.networks) {
      const path = `nodes.${node.id}.networks`;
      const members = membersOf.get(networkId);
      if (members === undefined) {
        const message = `node ${node.id} lists network ${networkId}, which does not exist`;
        warnings.add('NETWORK_UNKNOWN', path, message);
      } else if (!members.has(node.id)) {
        const message = `node ${node.id} lists network ${networkId}, which does not list the node`;
        warnings.add('NODE_NOT_LISTED', path, message);
      }
    }
  }
}

/** An identity that was given out once: a node, or a reaped one whose key is still indexed. */
function knownIdentities(store: OriginalStore): (id: number) => boolean {
  const reaped = new Set(store.pubKeyIdx.values());
  return (id) => store.nodes.has(id) || reaped.has(id);
}

function checkTrust(store: OriginalStore, warnings: OriginalWarnings): void {
  const isKnown = knownIdentities(store);
  for (const [index, pair] of store.trustPairs.entries()) {
    const unknown = pair.find((id) => !isKnown(id));
    if (unknown === undefined && pair[0] !== pair[1]) continue;
    const path = `trust_pairs.${index}`;
    if (unknown === undefined) warnings.add('TRUST_PAIR_INVALID', path, `node ${pair[0]} trusts itself`);
    else warnings.add('TRUST_UNKNOWN_NODE', path, `a trust pair names node ${unknown}, which does not exist`);
  }
}

function checkInboxes(store: OriginalStore, warnings: OriginalWarnings): void {
  const isKnown = knownIdentities(store);
  const check = (name: string, target: number, senders: Iterable<number>): void => {
    for (const id of [target, ...senders]) {
      if (isKnown(id)) continue;
      const path = `${name}.${target}`;
      warnings.add('INBOX_UNKNOWN_NODE', path, `${path} names node ${id}, which does not exist`);
    }
  };
  for (const [target, requests] of store.handshakeInbox) {
    check(
      'handshake_inbox',
      target,
      requests.map(({ fromNodeId }) => fromNodeId),
    );
  }
  for (const [target, responses] of store.handshakeResponses) {
    check(
      'handshake_responses',
      target,
      responses.map(({ fromNodeId }) => fromNodeId),
    );
  }
  for (const [target, invites] of store.inviteInbox) {
    check(
      'invite_inbox',
      target,
      invites.map(({ inviterId }) => inviterId),
    );
    for (const { networkId } of invites) {
      if (store.networks.has(networkId)) continue;
      const message = `node ${target} is invited into network ${networkId}, which does not exist`;
      warnings.add('INVITE_UNKNOWN_NETWORK', `invite_inbox.${target}`, message);
    }
  }
}
