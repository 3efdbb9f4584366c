/**
 * What is signed in a registry request (registry spec section 4.2): short texts of plain decimal numbers and of
 * fields exactly as sent. They bind neither time nor the values that are set; `signature_v2` does
 * (request-signature.ts).
 */

/** The texts, one function for each. */
export const challenges = {
  register: (listenAddr: string, publicKeyBase64: string) => `register:${listenAddr}:${publicKeyBase64}`,
  rotateKey: (nodeId: number, newPublicKeyBase64: string) => `rotate:${nodeId}:${newPublicKeyBase64}`,
  lookup: (requesterId: number, nodeId: number) => `lookup:${requesterId}:${nodeId}`,
  resolve: (requesterId: number, nodeId: number) => `resolve:${requesterId}:${nodeId}`,
  resolveHostname: (requesterId: number) => `resolve_hostname:${requesterId}`,
  listNodes: (requesterId: number, networkId: number) => `list_nodes:${requesterId}:${networkId}`,
  listNetworks: (requesterId: number) => `list_networks:${requesterId}`,
  checkTrust: (nodeId: number, peerId: number) => `check_trust:${nodeId}:${peerId}`,
  heartbeat: (nodeId: number) => `heartbeat:${nodeId}`,
  /** With a time in unix seconds, for servers that enforce fresh heartbeats. */
  heartbeatAt: (nodeId: number, unixSeconds: number) => `heartbeat:${nodeId}:${unixSeconds}`,
  deregister: (nodeId: number) => `deregister:${nodeId}`,
  setHostname: (nodeId: number) => `set_hostname:${nodeId}`,
  setTags: (nodeId: number) => `set_tags:${nodeId}`,
  setVisibility: (nodeId: number) => `set_visibility:${nodeId}`,
  setKeyExpiry: (nodeId: number) => `set_key_expiry:${nodeId}`,
  /** With the expiry as sent, for servers that enforce bound expiries. */
  setKeyExpiryTo: (nodeId: number, expiresAt: string) => `set_key_expiry:${nodeId}:${expiresAt}`,
  reportTrust: (nodeId: number, peerId: number) => `report_trust:${nodeId}:${peerId}`,
  revokeTrust: (nodeId: number, peerId: number) => `revoke_trust:${nodeId}:${peerId}`,
  requestHandshake: (fromNodeId: number, toNodeId: number) => `handshake:${fromNodeId}:${toNodeId}`,
  pollHandshakes: (nodeId: number) => `poll_handshakes:${nodeId}`,
  respondHandshake: (nodeId: number, peerId: number) => `respond:${nodeId}:${peerId}`,
  punch: (nodeA: number, nodeB: number) => `punch:${nodeA}:${nodeB}`,
  joinNetwork: (nodeId: number, networkId: number) => `join_network:${nodeId}:${networkId}`,
  leaveNetwork: (nodeId: number, networkId: number) => `leave_network:${nodeId}:${networkId}`,
  inviteToNetwork: (inviterId: number, networkId: number, targetNodeId: number) =>
    `invite:${inviterId}:${networkId}:${targetNodeId}`,
  pollInvites: (nodeId: number) => `poll_invites:${nodeId}`,
  respondInvite: (nodeId: number, networkId: number) => `respond_invite:${nodeId}:${networkId}`,
  submitBadge: (nodeId: number, badge: string) => `submit_badge:${nodeId}:${badge}`,
  enrollRecovery: (nodeId: number, commitment: string) => `enroll_recovery:${nodeId}:${commitment}`,
  leaseAcquire: (nodeId: number, resource: string) => `lease_acquire:${nodeId}:${resource}`,
  leaseRenew: (nodeId: number, epoch: number, token: number, resource: string) =>
    `lease_renew:${nodeId}:${epoch}:${token}:${resource}`,
  leaseRelease: (nodeId: number, epoch: number, token: number, resource: string) =>
    `lease_release:${nodeId}:${epoch}:${token}:${resource}`,
} as const;

/** The fields of a request as they are on the wire, without `type`. */
export type RequestFields = Readonly<Record<string, unknown>>;

type Reader = (number: (name: string) => number, text: (name: string) => string) => string;

const READERS: Readonly<Record<string, Reader>> = {
  register: (_, t) => challenges.register(t('listen_addr'), t('public_key')),
  rotate_key: (n, t) => challenges.rotateKey(n('node_id'), t('new_public_key')),
  lookup: (n) => challenges.lookup(n('requester_id'), n('node_id')),
  resolve: (n) => challenges.resolve(n('requester_id'), n('node_id')),
  resolve_hostname: (n) => challenges.resolveHostname(n('requester_id')),
  list_nodes: (n) => challenges.listNodes(n('requester_id'), n('network_id')),
  list_networks: (n) => challenges.listNetworks(n('requester_id')),
  check_trust: (n) => challenges.checkTrust(n('node_id'), n('peer_id')),
  heartbeat: (n) =>
    n('ts') === 0 ? challenges.heartbeat(n('node_id')) : challenges.heartbeatAt(n('node_id'), n('ts')),
  deregister: (n) => challenges.deregister(n('node_id')),
  set_hostname: (n) => challenges.setHostname(n('node_id')),
  set_tags: (n) => challenges.setTags(n('node_id')),
  set_visibility: (n) => challenges.setVisibility(n('node_id')),
  set_key_expiry: (n) => challenges.setKeyExpiry(n('node_id')),
  report_trust: (n) => challenges.reportTrust(n('node_id'), n('peer_id')),
  revoke_trust: (n) => challenges.revokeTrust(n('node_id'), n('peer_id')),
  request_handshake: (n) => challenges.requestHandshake(n('from_node_id'), n('to_node_id')),
  poll_handshakes: (n) => challenges.pollHandshakes(n('node_id')),
  respond_handshake: (n) => challenges.respondHandshake(n('node_id'), n('peer_id')),
  punch: (n) => challenges.punch(n('node_a'), n('node_b')),
  join_network: (n) => challenges.joinNetwork(n('node_id'), n('network_id')),
  leave_network: (n) => challenges.leaveNetwork(n('node_id'), n('network_id')),
  invite_to_network: (n) => challenges.inviteToNetwork(n('inviter_id'), n('network_id'), n('target_node_id')),
  poll_invites: (n) => challenges.pollInvites(n('node_id')),
  respond_invite: (n) => challenges.respondInvite(n('node_id'), n('network_id')),
  submit_badge: (n, t) => challenges.submitBadge(n('node_id'), t('badge')),
  enroll_recovery: (n, t) =>
    challenges.enrollRecovery(n('node_id'), enrollmentCommitment(t('enrollment')) ?? ''),
  lease_acquire: (n, t) => challenges.leaseAcquire(n('node_id'), t('resource')),
  lease_renew: (n, t) => challenges.leaseRenew(n('node_id'), n('epoch'), n('token'), t('resource')),
  lease_release: (n, t) => challenges.leaseRelease(n('node_id'), n('epoch'), n('token'), t('resource')),
};

/**
 * The text that a request of this type signs, read from its fields as sent; undefined for a type that has none.
 * A field that is absent or of another type reads as 0 or as the empty text (registry spec section 1.3).
 */
export function challengeFor(type: string, fields: RequestFields): string | undefined {
  if (!Object.hasOwn(READERS, type)) return undefined;
  return READERS[type]?.(
    (name) => (typeof fields[name] === 'number' ? fields[name] : 0),
    (name) => (typeof fields[name] === 'string' ? fields[name] : ''),
  );
}

/** The field that names the node a request of this type acts for; undefined for `register`, which has none yet. */
export function actingNodeField(type: string): string | undefined {
  switch (type) {
    case 'register':
      return undefined;
    case 'lookup':
    case 'resolve':
    case 'resolve_hostname':
    case 'list_nodes':
    case 'list_networks':
    case 'check_trust':
    case 'punch':
      return 'requester_id';
    case 'request_handshake':
      return 'from_node_id';
    case 'invite_to_network':
      return 'inviter_id';
    default:
      return 'node_id';
  }
}

/** The commitment inside an enrolment statement `pilotenroll:v1:…` (spec section 12.5); undefined if it is none. */
export function enrollmentCommitment(statement: string): string | undefined {
  const parts = statement.split(':');
  return parts.length === 7 && parts[0] === 'pilotenroll' && parts[1] === 'v1' ? parts[4] : undefined;
}
