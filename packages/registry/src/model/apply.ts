import type { Directory } from './directory.ts';
import type { ConsumedRecovery, RegistrationFields, RegistryEvent } from './events.ts';
import { BACKBONE } from './limits.ts';
import { Network } from './network.ts';
import type { NodeProfile } from './node-profile.ts';
import { NodeFlag } from './node-table.ts';
import { TrustGraph } from './trust-graph.ts';

/**
 * Applies one event to the directory: the only way in which stored state changes, live, at recovery and on a standby.
 *
 * Fault model: an event has been checked before it was made, so an impossible one (an unknown node, a full table)
 * means that the log does not belong to this state. That throws, and the caller must stop: carrying on would
 * show state that no log can give back.
 */
export function applyEvent(state: Directory, event: RegistryEvent, seq: number): void {
  switch (event.type) {
    case 'node.registered':
      return applyRegistered(state, event, seq);
    case 'node.updated':
      return applyUpdated(state, event, seq);
    case 'node.reclaimed':
      return applyReclaimed(state, event, seq);
    case 'node.deregistered':
      return applyDeregistered(state, event, seq);
    case 'nodes.reaped':
      for (const id of event.ids) applyReaped(state, id, event.at, seq);
      return;
    case 'tombstones.evicted':
      for (const id of event.ids) applyEvicted(state, id, seq);
      return;
    case 'node.hostname':
      return changeProfile(state, event.id, seq, (profile) => ({ ...profile, hostname: event.hostname }));
    case 'node.tags':
      return changeProfile(state, event.id, seq, (profile) => ({ ...profile, tags: event.tags }));
    case 'node.visibility':
      return state.nodes.setFlag(touch(state, event.id, seq), NodeFlag.public, event.public);
    case 'node.task_exec':
      return state.nodes.setFlag(touch(state, event.id, seq), NodeFlag.taskExec, event.enabled);
    case 'node.external_id':
      return changeProfile(state, event.id, seq, (profile) => ({ ...profile, externalId: event.externalId }));
    case 'key.rotated':
      return replaceKey(state, touch(state, event.id, seq), event.key, event.at);
    case 'key.recovered':
      replaceKey(state, touch(state, event.id, seq), event.key, event.at);
      return changeProfile(state, event.id, seq, (profile) => afterRecovery(profile, event.recovery));
    case 'key.expiry':
      return applyExpiry(state, touch(state, event.id, seq), event.expiresAt);
    case 'key.requires_v2':
      return state.nodes.setFlag(touch(state, event.id, seq), NodeFlag.requiresV2, event.required);
    case 'badge.submitted':
      return applyBadge(state, event, seq);
    case 'recovery.enrolled':
      return applyEnrolled(state, event, seq);
    case 'trust.reported':
      return state.trust.add(event.by, event.peer, TrustGraph.bitOf(event.by, event.peer), seq);
    case 'trust.revoked':
      return state.trust.remove(event.by, event.peer, seq);
    case 'network.created':
      return applyNetworkCreated(state, event, seq);
    case 'network.joined':
      return applyJoined(state, event.network, event.node, event.role, seq);
    case 'network.left':
      return applyLeft(state, networkOf(state, event.network, seq), event.node, seq);
    case 'network.deleted':
      return applyNetworkDeleted(state, event.network, seq);
    case 'network.renamed':
      return applyRenamed(state, event.network, event.name, seq);
    case 'network.enterprise':
      return applyEnterprise(state, event.network, event.enterprise, seq);
    case 'settings.identity_webhook':
      state.identityWebhookUrl = event.url;
      state.settingsChangedBy = seq;
      return;
    case 'settings.identity_provider':
      state.identityProvider = event.provider;
      state.settingsChangedBy = seq;
      return;
    case 'lease.granted':
      return applyLeaseGranted(state, event, seq);
    case 'lease.released':
      return applyLeaseReleased(state, event);
    default:
      event satisfies never;
      throw new Error(`unknown event ${JSON.stringify(event)}`);
  }
}

function applyLeaseGranted(
  state: Directory,
  { resource, node, token, ttlMs }: Extract<RegistryEvent, { type: 'lease.granted' }>,
  seq: number,
): void {
  state.leases.grant({ resource, node, token, ttlMs }, seq);
}

function applyLeaseReleased(
  state: Directory,
  { resource, token, why, forgets }: Extract<RegistryEvent, { type: 'lease.released' }>,
): void {
  state.leases.release(resource, token, why === 'done');
  if (forgets !== undefined) state.leases.forget(forgets);
}

/** The slot of a known node, marked as changed by `seq`. */
function touch(state: Directory, id: number, seq: number): number {
  const slot = state.nodes.slotOf(id);
  if (slot < 0) throw new Error(`event ${seq} names node ${id}, which does not exist`);
  state.nodes.changedBy[slot] = seq;
  return slot;
}

function networkOf(state: Directory, id: number, seq: number): Network {
  const network = state.networks.get(id);
  if (network === undefined) throw new Error(`event ${seq} names network ${id}, which does not exist`);
  state.beforeNetworkChange?.(network);
  network.changedBy = seq;
  return network;
}

function changeProfile(
  state: Directory,
  id: number,
  seq: number,
  change: (p: NodeProfile) => NodeProfile,
): void {
  const slot = touch(state, id, seq);
  state.nodes.setProfile(slot, change(state.nodes.profile(slot)));
}

function withRegistration(profile: NodeProfile, fields: RegistrationFields): NodeProfile {
  return {
    ...profile,
    owner: fields.owner ?? profile.owner,
    hostname: fields.hostname ?? profile.hostname,
    realAddr: fields.realAddr ?? profile.realAddr,
    lanAddrs: fields.lanAddrs ?? profile.lanAddrs,
    version: fields.version ?? profile.version,
    externalId: fields.externalId ?? profile.externalId,
  };
}

function setRegistrationFlags(state: Directory, slot: number, fields: RegistrationFields): void {
  if (fields.relayOnly !== undefined) state.nodes.setFlag(slot, NodeFlag.relayOnly, fields.relayOnly);
  if (fields.signed === true) state.nodes.setFlag(slot, NodeFlag.signatureVerified, true);
}

function revive(state: Directory, slot: number, at: number): void {
  state.nodes.setLive(slot, true, 0);
  state.nodes.lastSeen[slot] = at;
  state.onLive?.(slot);
}

function applyRegistered(
  state: Directory,
  event: Extract<RegistryEvent, { type: 'node.registered' }>,
  seq: number,
): void {
  const slot = state.nodes.insert(event.id, Buffer.from(event.key, 'base64'));
  state.nodes.changedBy[slot] = seq;
  state.nodes.setKeyMeta(slot, { createdAt: event.at, rotatedAt: 0, rotateCount: 0, expiresAt: 0 });
  const empty = state.nodes.profile(slot);
  state.nodes.setProfile(slot, withRegistration({ ...empty, networks: [BACKBONE] }, event));
  setRegistrationFlags(state, slot, event);
  revive(state, slot, event.at);
  if (event.drawn !== true && event.id >= state.nextNode) state.nextNode = event.id + 1;
}

function applyUpdated(
  state: Directory,
  event: Extract<RegistryEvent, { type: 'node.updated' }>,
  seq: number,
): void {
  const slot = touch(state, event.id, seq);
  state.nodes.setProfile(slot, withRegistration(state.nodes.profile(slot), event));
  setRegistrationFlags(state, slot, event);
  state.nodes.lastSeen[slot] = event.at;
}

function applyReclaimed(
  state: Directory,
  event: Extract<RegistryEvent, { type: 'node.reclaimed' }>,
  seq: number,
): void {
  const slot = touch(state, event.id, seq);
  if (event.key !== undefined) replaceKey(state, slot, event.key, event.at);
  const before = state.nodes.profile(slot);
  const holder = state.nodes.slotOfHostname(before.hostname);
  const hostname = holder < 0 || holder === slot ? before.hostname : '';
  const others = before.networks.filter(
    (id) => id !== BACKBONE && state.networks.get(id)?.has(event.id) === true,
  );
  const profile = withRegistration({ ...before, hostname, networks: [BACKBONE, ...others] }, event);
  state.nodes.setProfile(
    slot,
    event.recovery === undefined ? profile : afterRecovery(profile, event.recovery),
  );
  state.nodes.takeHostname(slot);
  setRegistrationFlags(state, slot, event);
  revive(state, slot, event.at);
}

function applyDeregistered(
  state: Directory,
  event: Extract<RegistryEvent, { type: 'node.deregistered' }>,
  seq: number,
): void {
  const slot = touch(state, event.id, seq);
  const profile = state.nodes.profile(slot);
  for (const id of profile.networks) {
    if (id !== BACKBONE && state.networks.has(id)) networkOf(state, id, seq).remove(event.id);
  }
  state.nodes.setProfile(slot, { ...profile, networks: [] });
  state.nodes.releaseHostname(slot);
  state.nodes.setLive(slot, false, event.at);
}

function applyReaped(state: Directory, id: number, at: number, seq: number): void {
  const slot = touch(state, id, seq);
  const profile = state.nodes.profile(slot);
  state.nodes.setProfile(slot, {
    ...profile,
    networks: profile.networks.filter((network) => network !== BACKBONE),
  });
  state.nodes.setLive(slot, false, at);
  for (const network of profile.networks) {
    const found = state.networks.get(network);
    if (found !== undefined && network !== BACKBONE) found.changedBy = seq;
  }
}

function applyEvicted(state: Directory, id: number, seq: number): void {
  const slot = touch(state, id, seq);
  for (const network of state.nodes.profile(slot).networks) {
    if (state.networks.has(network)) networkOf(state, network, seq).remove(id);
  }
  for (const peer of state.trust.peersOf(id)) state.trust.remove(id, peer, seq);
  state.nodes.erase(slot);
}

function replaceKey(state: Directory, slot: number, key: string, at: number): void {
  state.nodes.setKey(slot, Buffer.from(key, 'base64'));
  state.nodes.setKeyMeta(slot, {
    createdAt: state.nodes.createdAt[slot] as number,
    rotatedAt: at,
    rotateCount: (state.nodes.rotateCount[slot] as number) + 1,
    expiresAt: state.nodes.expiresAt[slot] as number,
  });
}

function afterRecovery(profile: NodeProfile, recovery: ConsumedRecovery): NodeProfile {
  const { badge: _b, badgeSig: _s, verificationProvider: _p, verifiedAt: _v, ...rare } = profile.rare;
  return {
    ...profile,
    rare: { ...rare, recoveryConsumedNonce: recovery.nonce, recoveryConsumedExp: recovery.exp },
  };
}

function applyBadge(
  state: Directory,
  event: Extract<RegistryEvent, { type: 'badge.submitted' }>,
  seq: number,
): void {
  const { badge, badgeSig, provider, verifiedAt } = event;
  changeProfile(state, event.id, seq, (profile) => ({
    ...profile,
    rare: { ...profile.rare, badge, badgeSig, verificationProvider: provider, verifiedAt },
  }));
}

function applyEnrolled(
  state: Directory,
  event: Extract<RegistryEvent, { type: 'recovery.enrolled' }>,
  seq: number,
): void {
  const { commitment, provider } = event;
  changeProfile(state, event.id, seq, (profile) => ({
    ...profile,
    rare: { ...profile.rare, recoveryCommitment: commitment, recoveryProvider: provider },
  }));
}

function applyExpiry(state: Directory, slot: number, expiresAt: number): void {
  state.nodes.setKeyMeta(slot, {
    createdAt: state.nodes.createdAt[slot] as number,
    rotatedAt: state.nodes.rotatedAt[slot] as number,
    rotateCount: state.nodes.rotateCount[slot] as number,
    expiresAt,
  });
}

function applyNetworkCreated(
  state: Directory,
  event: Extract<RegistryEvent, { type: 'network.created' }>,
  seq: number,
): void {
  const network = new Network({
    id: event.id,
    name: event.name,
    joinRule: event.joinRule,
    token: event.token,
    adminToken: event.adminToken,
    enterprise: event.enterprise,
    policy: undefined,
    rules: event.rules,
    exprPolicy: event.exprPolicy,
    created: event.at,
  });
  state.addNetwork(network);
  if (event.id >= state.nextNetwork) state.nextNetwork = event.id + 1;
  network.changedBy = seq;
  if (event.creator !== 0) applyJoined(state, event.id, event.creator, 'owner', seq);
}

function applyJoined(
  state: Directory,
  id: number,
  node: number,
  role: 'owner' | 'admin' | 'member',
  seq: number,
): void {
  if (!networkOf(state, id, seq).add(node, role)) return;
  changeProfile(state, node, seq, (profile) => ({ ...profile, networks: [...profile.networks, id] }));
}

function applyLeft(state: Directory, network: Network, node: number, seq: number): void {
  network.remove(node);
  if (state.nodes.slotOf(node) < 0) return;
  changeProfile(state, node, seq, (profile) => ({
    ...profile,
    networks: profile.networks.filter((id) => id !== network.id),
  }));
}

function applyNetworkDeleted(state: Directory, id: number, seq: number): void {
  const network = networkOf(state, id, seq);
  for (const node of network.memberIds()) applyLeft(state, network, node, seq);
  state.removeNetwork(network);
}

function applyRenamed(state: Directory, id: number, name: string, seq: number): void {
  const network = networkOf(state, id, seq);
  state.removeNetwork(network);
  network.profile = { ...network.profile, name };
  state.addNetwork(network);
}

/** Roles stay dormant while the flag is off (B-49); switching it on makes the first member owner if there is none. */
function applyEnterprise(state: Directory, id: number, enterprise: boolean, seq: number): void {
  const network = networkOf(state, id, seq);
  network.profile = { ...network.profile, enterprise };
  if (!enterprise || network.firstWithRole('owner') !== 0) return;
  for (const first of network.members()) {
    network.roles.set(first, 'owner');
    return;
  }
}
