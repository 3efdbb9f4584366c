import { createNetwork } from './create-network.ts';
import { deregister } from './deregister.ts';
import { enrollRecovery } from './enroll-recovery.ts';
import { getKeyInfo } from './get-key-info.ts';
import { heartbeat } from './heartbeat.ts';
import {
  getIdentity,
  getIdpConfig,
  setExternalId,
  setIdentityWebhook,
  setIdpConfig,
  validateToken,
} from './identity-admin.ts';
import { joinNetwork } from './join-network.ts';
import { leaveNetwork } from './leave-network.ts';
import { leaseAcquire } from './lease-acquire.ts';
import { leaseRelease } from './lease-release.ts';
import { leaseRenew } from './lease-renew.ts';
import { listNetworks } from './list-networks.ts';
import { listNodes } from './list-nodes.ts';
import { lookup } from './lookup.ts';
import { deleteNetwork, renameNetwork, setNetworkEnterprise } from './manage-network.ts';
import type { Operation } from './operation.ts';
import { punch } from './punch.ts';
import { recoverIdentity } from './recover-identity.ts';
import { register } from './register.ts';
import { resolveHostname } from './resolve-hostname.ts';
import { resolve } from './resolve.ts';
import { rotateKey } from './rotate-key.ts';
import { setHostname } from './set-hostname.ts';
import { setKeyExpiry } from './set-key-expiry.ts';
import { setTags } from './set-tags.ts';
import { setTaskExec } from './set-task-exec.ts';
import { setVisibility } from './set-visibility.ts';
import { submitBadge } from './submit-badge.ts';
import { checkTrust, reportTrust, revokeTrust } from './trust.ts';

export { type AuditNote, Refusal, type RefusalCode, refusalCodes } from './refusal.ts';

/** Every operation of the wire protocol that this server has, in the order of the specification. */
export const operations: readonly Operation[] = [
  register,
  lookup,
  resolve,
  resolveHostname,
  heartbeat,
  deregister,
  listNodes,
  setHostname,
  setTags,
  setVisibility,
  punch,
  rotateKey,
  setKeyExpiry,
  getKeyInfo,
  submitBadge,
  enrollRecovery,
  recoverIdentity,
  setExternalId,
  getIdentity,
  setIdentityWebhook,
  setIdpConfig,
  getIdpConfig,
  validateToken,
  reportTrust,
  revokeTrust,
  checkTrust,
  createNetwork,
  joinNetwork,
  leaveNetwork,
  deleteNetwork,
  renameNetwork,
  setNetworkEnterprise,
  listNetworks,
  leaseAcquire,
  leaseRenew,
  leaseRelease,
];

/** Operations of old clients, answered only when the operator asks for it (spec 18). */
export const legacyOperations: readonly Operation[] = [setTaskExec];
