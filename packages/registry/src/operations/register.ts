import { isWeakPublicKey } from '../auth/index.ts';
import type { Directory } from '../model/directory.ts';
import type { RegistrationFields, RegistryEvent } from '../model/events.ts';
import { NodeFlag } from '../model/node-table.ts';
import {
  validateHostname,
  validateLanAddrs,
  validateListenAddr,
  validateOwner,
  validateToken,
  validateVersion,
} from '../validation/index.ts';
import {
  decodePublicKey,
  encodeBase64,
  formatAddress,
  formatSource,
  quote,
  sanitiseEndpoint,
} from '../wire/index.ts';
import { bringsSignature, challenges } from './common.ts';
import { field, type RequestOf } from './fields.ts';
import { hostnameHolder } from './hostnames.ts';
import { type Call, type Decision, defineOperation, type Demand, type Proof } from './operation.ts';
import { currentRecovery, recoveryDemand } from './recover-identity.ts';
import { Refusal, refuse } from './refusal.ts';

const MAX_NODE_ID = 0xffff_ffff;
const PROTOCOL_VERSION = 1;

const fields = {
  public_key: field.text('base64 of the Ed25519 key; the identity of the node'),
  listen_addr: field.text('claimed UDP endpoint host:port'),
  signature: field.text('by the key; needed once the key has registered signed, and in strict mode'),
  owner: field.text('recovery label, at most 256 bytes; empty keeps the present one'),
  hostname: field.text('wished hostname; empty keeps the present one'),
  version: field.text('version of the daemon, at most 64 bytes'),
  lan_addrs: field.textList('at most 16 addresses host:port for peers behind the same router'),
  relay_only: field.bool('never reveal the address'),
  identity_token: field.text('for the identity webhook, when one is configured'),
  protocol_version: field.integer('informational'),
  recovery: field.text(
    'a recovery statement for this key: reclaims the id of a node that is gone by its owner label',
  ),
  recovery_sig: field.text('signature of the recovery statement'),
};

type Register = Call<typeof fields>;

/** How a registration came out; part of the audit entry (spec 7.1). */
type Mode =
  | 'fast_path_endpoint_refresh'
  | 'existing_identity'
  | 'reclaimed_identity'
  | 'owner_reclaim'
  | 'new_node';

/** Joins the directory, comes back to it, or refreshes an endpoint (spec 7.1). */
export const register = defineOperation<typeof fields>({
  type: 'register',
  summary: 'Registers a key, refreshes what is known of it, or gives a returning key its id back.',
  section: '7.1',
  fields,
  auth: 'signature',
  challenge: 'register:<listen_addr>:<public_key>',
  breaker: 'registry.register',
  standby: false,
  emits: ['node.registered', 'node.updated', 'node.reclaimed', 'key.requires_v2'],
  replies: {
    node_id: 'u32',
    network_id: '0, the backbone',
    address: "the node's address on the backbone",
    public_key: 'base64',
    observed_addr: 'the TCP source as the registry sees it',
    protocol_version: '1',
    hostname: 'the hostname in force, if any',
    hostname_error: 'why the wished hostname was not given; the registration holds nevertheless',
    external_id: 'when an identity token was verified',
  },
  errors: [
    'registration requires public_key',
    'registration: invalid public_key',
    'registration: invalid signature encoding',
    'registration: signature verification failed',
    'registration: signature required',
    'invalid public key: ..',
    'node %d: unsigned registration cannot modify a signature-verified key',
    'owner %q is already bound to node %d with a different key; use recover_identity to rotate the key',
    'registry full',
    'node ID space exhausted',
    'rate limited: too many registrations from %s',
    'identity verification failed',
    'identity webhook returned status %d',
    'identity verification rejected: ..',
    'identity webhook returned empty external_id',
  ],
  demands(call) {
    const { request, policy, state } = call;
    const key = acceptableKey(call);
    checkLimits(request);
    const demands: Demand[] = [];
    if (bringsSignature(call.message)) {
      demands.push({
        kind: 'key-signature',
        key,
        challenge: challenges.register(request.listen_addr, request.public_key),
        texts: {
          missing: 'registration: signature required',
          invalid: 'registration: invalid signature encoding',
          failed: 'registration: signature verification failed',
        },
      });
    } else if (policy.strictRegistrationAuth) {
      refuse('auth_signature', 'registration: signature required');
    }
    if (isOwnerReclaim(call, key)) {
      demands.push(recoveryDemand(request.recovery, request.recovery_sig, call.recoveryKeys));
    }
    if (request.identity_token !== '' && state.identityWebhookUrl !== '') {
      demands.push({
        kind: 'identity-token',
        token: request.identity_token,
        webhookUrl: state.identityWebhookUrl,
      });
    }
    return demands;
  },
  decide(call, proof) {
    const { state, request } = call;
    const key = acceptableKey(call);
    const slot = state.nodes.slotOfKey(key);
    if (slot >= 0) checkRatchet(state, slot, proof);
    const ownerSlot = state.nodes.slotOfOwner(request.owner);
    const reclaimed = slot < 0 && ownerSlot >= 0 ? reclaimByStatement(call, ownerSlot, key) : undefined;
    if (ownerSlot >= 0 && ownerSlot !== slot && reclaimed === undefined)
      throw ownerTaken(state, request, ownerSlot);
    if (slot >= 0 && state.nodes.has(slot, NodeFlag.live)) return refresh(call, proof, slot);
    if (state.nodes.liveCount >= state.limits.maxNodes) refuse('registry_full', 'registry full');
    const event = slot >= 0 ? comeBack(call, proof, slot) : (reclaimed?.(proof) ?? join(call, proof, key));
    const mode: Mode =
      event.type === 'node.registered'
        ? 'new_node'
        : reclaimed === undefined
          ? 'reclaimed_identity'
          : 'owner_reclaim';
    if (mode === 'new_node' && state.nodes.isFull) refuse('registry_full', 'registry full');
    return answer(call, proof, event.id, mode, [event], wishedHostname(call, state.nodes.slotOf(event.id)));
  },
});

function acceptableKey({ request, message }: Register): Uint8Array {
  if (request.public_key === '') refuse('invalid_request', 'registration requires public_key');
  const decoded = decodePublicKey(request.public_key);
  if (decoded.ok && !isWeakPublicKey(decoded.key)) return decoded.key;
  if (bringsSignature(message)) refuse('invalid_request', 'registration: invalid public_key');
  return refuse('invalid_request', `invalid public key: ${decoded.ok ? 'weak key' : decoded.error}`);
}

function checkLimits(request: RequestOf<typeof fields>): void {
  const problem =
    validateOwner(request.owner) ??
    validateVersion(request.version) ??
    validateListenAddr(request.listen_addr) ??
    validateLanAddrs(request.lan_addrs ?? []) ??
    validateToken(request.identity_token, 'identity_token');
  if (problem !== undefined) refuse('invalid_request', problem);
}

/** Once a key has registered signed, nothing of its node may be changed unsigned, whether it is live or gone (B-14). */
function checkRatchet(state: Directory, slot: number, proof: Proof): void {
  if (proof.signed || !state.nodes.has(slot, NodeFlag.signatureVerified)) return;
  const nodeId = state.nodes.idOf(slot);
  throw new Refusal(
    'auth_signature',
    `node ${nodeId}: unsigned registration cannot modify a signature-verified key`,
    { audit: { action: 'node.register_ratchet_rejected', nodeId } },
  );
}

function ownerTaken(state: Directory, request: RequestOf<typeof fields>, ownerSlot: number): Refusal {
  const nodeId = state.nodes.idOf(ownerSlot);
  return new Refusal(
    'conflict',
    `owner ${quote(request.owner)} is already bound to node ${nodeId} with a different key; use recover_identity to rotate the key`,
    { audit: { action: 'node.rebind_rejected', nodeId } },
  );
}

/** Whether an unknown key asks for the id of a node that is gone, by its owner label and a recovery statement. */
function isOwnerReclaim({ state, request }: Register, key: Uint8Array): boolean {
  const slot = state.nodes.slotOfOwner(request.owner);
  if (request.recovery === '' || slot < 0 || state.nodes.slotOfKey(key) >= 0) return false;
  return !state.nodes.has(slot, NodeFlag.live);
}

/**
 * An owner label alone gives nobody the id of a node that is gone, with its trust and memberships (B-17): a recovery
 * statement that names this node and this key does. Its signature has been verified as one of the demands.
 */
function reclaimByStatement(
  call: Register,
  slot: number,
  key: Uint8Array,
): ((proof: Proof) => Extract<RegistryEvent, { type: 'node.reclaimed' }>) | undefined {
  const { state, request, now } = call;
  if (!isOwnerReclaim(call, key)) return undefined;
  const statement = currentRecovery(request.recovery, now);
  const { rare } = state.nodes.profile(slot);
  const fits =
    statement.nodeId === state.nodes.idOf(slot) &&
    statement.newPublicKey === encodeBase64(key) &&
    statement.commitment === rare.recoveryCommitment &&
    statement.nonce !== rare.recoveryConsumedNonce;
  if (!fits) return undefined;
  const { nonce, exp } = statement;
  return (proof) => ({ ...comeBack(call, proof, slot), key: encodeBase64(key), recovery: { nonce, exp } });
}

interface Wish {
  readonly hostname: string | undefined;
  readonly error: string | undefined;
}

/** A bad or taken hostname does not fail the registration (spec 7.1). */
function wishedHostname(call: Register, slot: number): Wish {
  const { hostname } = call.request;
  if (hostname === '') return { hostname: undefined, error: undefined };
  const error = validateHostname(hostname);
  if (error !== undefined) return { hostname: undefined, error };
  if (hostnameHolder(call.state, hostname, slot, call.now) !== undefined) {
    return { hostname: undefined, error: `hostname ${quote(hostname)} already in use` };
  }
  return { hostname, error: undefined };
}

function registrationFields(call: Register, proof: Proof, slot: number): RegistrationFields {
  const { request } = call;
  const { hostname } = wishedHostname(call, slot);
  return {
    ...(request.owner === '' ? {} : { owner: request.owner }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(request.version === '' ? {} : { version: request.version }),
    realAddr: sanitiseEndpoint(request.listen_addr, call.source, proof.signed),
    lanAddrs: request.lan_addrs ?? [],
    relayOnly: request.relay_only,
    ...(proof.signed ? { signed: true } : {}),
    ...(proof.externalId === undefined ? {} : { externalId: proof.externalId }),
  };
}

function comeBack(
  call: Register,
  proof: Proof,
  slot: number,
): Extract<RegistryEvent, { type: 'node.reclaimed' }> {
  const id = call.state.nodes.idOf(slot);
  return { type: 'node.reclaimed', id, at: call.now, ...registrationFields(call, proof, slot) };
}

function join(
  call: Register,
  proof: Proof,
  key: Uint8Array,
): Extract<RegistryEvent, { type: 'node.registered' }> {
  const id = nextId(call);
  if (!call.admitNewKey()) {
    throw new Refusal('rate_limited', `rate limited: too many registrations from ${call.source.address}`, {
      retryAfterMs: 1000,
    });
  }
  return {
    type: 'node.registered',
    id,
    key: encodeBase64(key),
    at: call.now,
    ...(call.policy.idAllocation === 'random' ? { drawn: true } : {}),
    ...registrationFields(call, proof, -1),
  };
}

function nextId(call: Register): number {
  const { state, policy, random } = call;
  if (policy.idAllocation === 'random') {
    for (let tries = 0; tries < 100; tries++) {
      const id = 1 + random.integer(MAX_NODE_ID - 1);
      if (state.nodes.slotOf(id) < 0) return id;
    }
    return refuse('registry_full', 'node ID space exhausted');
  }
  let id = state.nextNode;
  while (id <= MAX_NODE_ID && state.nodes.slotOf(id) >= 0) id++;
  return id <= MAX_NODE_ID ? id : refuse('registry_full', 'node ID space exhausted');
}

/** A live node registers again: an event only when something has changed. */
function refresh(call: Register, proof: Proof, slot: number): Decision {
  const { state, now } = call;
  const id = state.nodes.idOf(slot);
  const changed = changedFields(state, slot, registrationFields(call, proof, slot));
  const isFast = changed.owner === undefined && changed.hostname === undefined;
  const mode = isFast ? 'fast_path_endpoint_refresh' : 'existing_identity';
  const events: RegistryEvent[] =
    Object.keys(changed).length === 0 ? [] : [{ type: 'node.updated', id, at: now, ...changed }];
  return answer(call, proof, id, mode, events, wishedHostname(call, slot));
}

function changedFields(state: Directory, slot: number, fields: RegistrationFields): RegistrationFields {
  const profile = state.nodes.profile(slot);
  const changed: Record<string, unknown> = {};
  for (const name of ['owner', 'hostname', 'version', 'realAddr', 'externalId'] as const) {
    if (fields[name] !== undefined && fields[name] !== profile[name]) changed[name] = fields[name];
  }
  if (fields.lanAddrs?.join() !== profile.lanAddrs.join()) changed['lanAddrs'] = fields.lanAddrs;
  if (fields.relayOnly !== state.nodes.has(slot, NodeFlag.relayOnly)) changed['relayOnly'] = fields.relayOnly;
  if (fields.signed === true && !state.nodes.has(slot, NodeFlag.signatureVerified)) changed['signed'] = true;
  return changed as RegistrationFields;
}

/** The hostname that a node has, or has again when it comes back: somebody may have taken it meanwhile. */
function presentHostname(state: Directory, id: number): string {
  const slot = state.nodes.slotOf(id);
  if (slot < 0) return '';
  const { hostname } = state.nodes.profile(slot);
  const holder = state.nodes.slotOfHostname(hostname);
  return holder < 0 || holder === slot ? hostname : '';
}

/** A key that has registered with a version 2 signature needs one from then on (B-10). */
function ratchetEvents(state: Directory, proof: Proof, id: number): RegistryEvent[] {
  const slot = state.nodes.slotOf(id);
  if (proof.strong !== true || (slot >= 0 && state.nodes.has(slot, NodeFlag.requiresV2))) return [];
  return [{ type: 'key.requires_v2', id, required: true }];
}

function answer(
  call: Register,
  proof: Proof,
  id: number,
  mode: Mode,
  events: RegistryEvent[],
  wish: Wish,
): Decision {
  const hostname = wish.hostname ?? presentHostname(call.state, id);
  return {
    events: [...events, ...ratchetEvents(call.state, proof, id)],
    seen: id,
    reply: {
      node_id: id,
      network_id: 0,
      address: formatAddress(0, id),
      public_key: call.request.public_key.replace(/[\r\n]/g, ''),
      observed_addr: formatSource(call.source),
      protocol_version: PROTOCOL_VERSION,
      hostname: hostname === '' ? undefined : hostname,
      hostname_error: wish.error,
      external_id: proof.externalId,
    },
    audit: [
      {
        action: mode === 'new_node' ? 'node.registered' : 'node.re_registered',
        nodeId: id,
        details: { mode, ...(hostname === '' ? {} : { hostname }) },
      },
    ],
  };
}
