/**
 * The texts that nodes sign (spec section 4.2). Numbers are plain decimal; texts stand in them exactly as they were
 * sent, so that what was signed is what was received.
 */

/** Builds the challenge of each message type. A node id is the acting node's where no other name is given. */
export const challenges = {
  register: (listenAddr: string, publicKeyText: string) => `register:${listenAddr}:${publicKeyText}`,
  /** Signed with the old key. */
  rotateKey: (nodeId: number, newPublicKeyText: string) => `rotate:${nodeId}:${newPublicKeyText}`,
  lookup: (requesterId: number, nodeId: number) => `lookup:${requesterId}:${nodeId}`,
  resolve: (requesterId: number, nodeId: number) => `resolve:${requesterId}:${nodeId}`,
  resolveHostname: (requesterId: number) => `resolve_hostname:${requesterId}`,
  listNodes: (requesterId: number, networkId: number) => `list_nodes:${requesterId}:${networkId}`,
  listNetworks: (requesterId: number) => `list_networks:${requesterId}`,
  checkTrust: (nodeId: number, peerId: number) => `check_trust:${nodeId}:${peerId}`,
  heartbeat: (nodeId: number) => `heartbeat:${nodeId}`,
  /** Under strict heartbeat freshness; `ts` in unix seconds. */
  heartbeatAt: (nodeId: number, ts: number) => `heartbeat:${nodeId}:${ts}`,
  deregister: (nodeId: number) => `deregister:${nodeId}`,
  setHostname: (nodeId: number) => `set_hostname:${nodeId}`,
  setTags: (nodeId: number) => `set_tags:${nodeId}`,
  setVisibility: (nodeId: number) => `set_visibility:${nodeId}`,
  setKeyExpiry: (nodeId: number) => `set_key_expiry:${nodeId}`,
  /** Under strict expiry binding; the expiry as sent. */
  setKeyExpiryTo: (nodeId: number, expiresAt: string) => `set_key_expiry:${nodeId}:${expiresAt}`,
  reportTrust: (nodeId: number, peerId: number) => `report_trust:${nodeId}:${peerId}`,
  revokeTrust: (nodeId: number, peerId: number) => `revoke_trust:${nodeId}:${peerId}`,
  requestHandshake: (fromNodeId: number, toNodeId: number) => `handshake:${fromNodeId}:${toNodeId}`,
  pollHandshakes: (nodeId: number) => `poll_handshakes:${nodeId}`,
  respondHandshake: (nodeId: number, peerId: number) => `respond:${nodeId}:${peerId}`,
  /** Signed by the requester, whichever of the two it is. */
  punch: (nodeA: number, nodeB: number) => `punch:${nodeA}:${nodeB}`,
  joinNetwork: (nodeId: number, networkId: number) => `join_network:${nodeId}:${networkId}`,
  leaveNetwork: (nodeId: number, networkId: number) => `leave_network:${nodeId}:${networkId}`,
  inviteToNetwork: (inviterId: number, networkId: number, targetNodeId: number) =>
    `invite:${inviterId}:${networkId}:${targetNodeId}`,
  pollInvites: (nodeId: number) => `poll_invites:${nodeId}`,
  respondInvite: (nodeId: number, networkId: number) => `respond_invite:${nodeId}:${networkId}`,
  submitBadge: (nodeId: number, badge: string) => `submit_badge:${nodeId}:${badge}`,
  /** The commitment is the one inside the enrolment statement. */
  enrollRecovery: (nodeId: number, commitment: string) => `enroll_recovery:${nodeId}:${commitment}`,
} as const;
