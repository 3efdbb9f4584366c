/** The directory: who is there, and where (registry spec sections 7.1 to 7.4). */
import { clientErrors } from '../errors.ts';
import { compact, Fields, type RawReply, type WithRaw } from '../reply.ts';
import { formatAddress, requireNodeId } from '../wire/address.ts';
import { OPCODE } from '../wire/frames.ts';
import {
  decodeHeartbeatOk,
  decodeLookupOk,
  decodeResolveOk,
  encodeHeartbeat,
  encodeLookup,
  encodeResolve,
} from '../wire/native.ts';
import type {
  Beat,
  LookedUp,
  LookupOptions,
  NodeFacts,
  PrivateNode,
  PublicNode,
  Punched,
  Registered,
  Registration,
  Resolved,
  ResolvedHostname,
} from './directory-types.ts';
import type { Authorization, CallOptions, Exchanger, NodeCallOptions } from './exchange.ts';
import { readBadge } from './node-entry.ts';

/**
 * Delivery of all of these: at least once. They are sent again after a lost connection, as a second one has the
 * outcome of the first.
 */
export class DirectoryCalls {
  /** @internal */
  protected readonly exchanger: Exchanger;

  constructor(exchanger: Exchanger) {
    this.exchanger = exchanger;
  }

  /**
   * Registers the client's key, or refreshes the registration of a node that is known. Signed. The client acts
   * for the node id that it gets from now on. (spec 7.1)
   */
  async register(registration: Registration = {}, options: CallOptions = {}): Promise<Registered> {
    const { self } = this.exchanger;
    const publicKey = registration.publicKeyBase64 ?? self.identity?.publicKeyBase64;
    if (publicKey === undefined) {
      throw clientErrors.create('CREDENTIAL_MISSING', 'register needs an identity, or a public key');
    }
    const own = publicKey === self.identity?.publicKeyBase64;
    const fields = await this.exchanger.json({
      type: 'register',
      fields: registrationFields(registration, publicKey),
      // The key vouches for itself: there is no id yet.
      authorization: own ? { kind: 'signature', nodeId: self.nodeId ?? 0 } : { kind: 'none' },
      repeatable: true,
      options,
    });
    const nodeId = fields.number('node_id');
    if (own) self.nodeId = nodeId;
    return compact<Registered>({
      nodeId,
      address: fields.text('address'),
      publicKey: fields.key('public_key'),
      observedAddress: fields.optionalText('observed_addr'),
      hostname: hostnameOutcome(fields),
      externalId: fields.optionalText('external_id'),
      raw: rawOf(fields),
    });
  }

  /**
   * What anybody may know of a node. In binary encoding the short form; `full` asks for all of it, as JSON.
   * Refused with `not_found`. (spec 7.2)
   */
  async lookup(nodeId: number, options: LookupOptions = {}): Promise<LookedUp> {
    const signed = this.exchanger.strict.directory;
    const requester = signed ? this.exchanger.actingNode({}) : undefined;
    const exchange = {
      type: 'lookup',
      fields: { node_id: requireNodeId(nodeId), requester_id: requester },
      authorization: signatureOf(requester),
      repeatable: true,
      options,
    };
    if (signed || options.full === true) return lookedUpFromJson(await this.exchanger.json(exchange));
    const native = {
      opcode: OPCODE.lookup,
      replyOpcode: OPCODE.lookupOk,
      payload: () => encodeLookup(nodeId),
    };
    const raw = await this.exchanger.run({ ...exchange, native });
    return raw.encoding === 'json'
      ? lookedUpFromJson(new Fields('lookup_ok', raw.message))
      : lookedUpNatively(raw);
  }

  /**
   * Where to reach a node, for who may know: anybody if it is public, else trusted peers and members of a
   * shared network. Refused with `not_found` or `private`. (spec 7.2)
   */
  async resolve(nodeId: number, options: NodeCallOptions = {}): Promise<Resolved> {
    requireNodeId(nodeId);
    const requesterId = this.exchanger.actingNode(options);
    const raw = await this.exchanger.run({
      type: 'resolve',
      fields: { node_id: nodeId, requester_id: requesterId },
      authorization: { kind: 'signature', nodeId: requesterId },
      repeatable: true,
      native: {
        opcode: OPCODE.resolve,
        replyOpcode: OPCODE.resolveOk,
        payload: (sign) => encodeResolve(nodeId, requesterId, sign()),
      },
      options,
    });
    if (raw.encoding === 'binary') {
      const reply = decodeResolveOk(bufferOf(raw));
      return compact<Resolved>({ ...reply, raw });
    }
    const fields = new Fields('resolve_ok', raw.message);
    const keyAgeDays = fields.optionalNumber('key_age_days');
    return compact<Resolved>({
      nodeId: fields.number('node_id'),
      realAddress: fields.text('real_addr'),
      lanAddresses: fields.texts('lan_addrs'),
      keyAgeDays: keyAgeDays === -1 ? undefined : keyAgeDays,
      relayOnly: fields.flag('relay_only'),
      raw,
    });
  }

  /**
   * Finds a node by its name. A private one is found only by who may resolve it; the client proves who it is
   * when it has an identity. Refused with `not_found`. (spec 7.2)
   */
  async resolveHostname(hostname: string, options: NodeCallOptions = {}): Promise<ResolvedHostname> {
    if (hostname === '') throw clientErrors.create('REQUEST_INVALID', 'the hostname is empty');
    const requester = options.nodeId ?? this.exchanger.self.nodeId;
    if (requester !== undefined) requireNodeId(requester);
    // An unproven requester is nobody to Muster, but somebody to the original.
    const signs = requester !== undefined && this.exchanger.signsFor(requester);
    const fields = await this.exchanger.json({
      type: 'resolve_hostname',
      fields: { hostname, requester_id: requester },
      authorization: signatureOf(signs ? requester : undefined),
      repeatable: true,
      options,
    });
    return compact<ResolvedHostname>({
      nodeId: fields.number('node_id'),
      address: fields.text('address'),
      hostname: fields.text('hostname'),
      visibility: fields.flag('public') ? 'public' : 'private',
      lastSeenMs: fields.unixMs('last_seen_unix'),
      raw: rawOf(fields),
    });
  }

  /**
   * Tells the registry that the node is alive. See `heartbeatLoop` to keep doing it. Refused with `not_found`
   * when the registry has forgotten the node, and with `key_expired`. (spec 7.3)
   */
  async heartbeat(options: NodeCallOptions = {}): Promise<Beat> {
    const nodeId = this.exchanger.actingNode(options);
    const fresh = this.exchanger.strict.heartbeats;
    const exchange = {
      type: 'heartbeat',
      fields: fresh ? { node_id: nodeId, ts: this.exchanger.unixSeconds() } : { node_id: nodeId },
      authorization: { kind: 'signature', nodeId } as const,
      repeatable: true,
      options,
    };
    const native = {
      opcode: OPCODE.heartbeat,
      replyOpcode: OPCODE.heartbeatOk,
      payload: (sign: () => Uint8Array) => encodeHeartbeat(nodeId, sign()),
    };
    const raw = await this.exchanger.run(fresh ? exchange : { ...exchange, native });
    if (raw.encoding === 'binary') {
      const { unixSeconds, keyExpiryWarning } = decodeHeartbeatOk(bufferOf(raw));
      return { serverTimeMs: unixSeconds * 1000, keyExpiryWarning, raw };
    }
    const fields = new Fields('heartbeat_ok', raw.message);
    return {
      serverTimeMs: fields.number('time') * 1000,
      keyExpiryWarning: fields.flag('key_expiry_warning'),
      raw,
    };
  }

  /** Takes a node out of the directory and of all its networks; its key keeps the id. (spec 7.4) */
  async deregister(options: NodeCallOptions = {}): Promise<WithRaw> {
    const nodeId = this.exchanger.actingNode(options);
    return { raw: rawOf(await this.#set('deregister', nodeId, {}, options)) };
  }

  /** Names a node; the empty text takes the name away. Refused with `conflict` or `invalid_request`. (spec 7.4) */
  async setHostname(
    hostname: string,
    options: NodeCallOptions = {},
  ): Promise<WithRaw & { readonly hostname: string }> {
    const fields = await this.#set('set_hostname', this.exchanger.actingNode(options), { hostname }, options);
    return { hostname: fields.text('hostname'), raw: rawOf(fields) };
  }

  /**
   * Replaces the tags of a node; null or none takes them away. Resolves with the tags as the registry keeps
   * them. (spec 7.4)
   */
  async setTags(
    tags: readonly string[] | null,
    options: NodeCallOptions = {},
  ): Promise<WithRaw & { readonly tags: readonly string[] }> {
    const fields = await this.#set('set_tags', this.exchanger.actingNode(options), { tags }, options);
    return { tags: fields.texts('tags'), raw: rawOf(fields) };
  }

  /** Says whether anybody may learn where a node is. (spec 7.4) */
  async setVisibility(
    visibility: 'public' | 'private',
    options: NodeCallOptions = {},
  ): Promise<WithRaw & { readonly visibility: 'public' | 'private' }> {
    if (visibility !== 'public' && visibility !== 'private') {
      throw clientErrors.create('REQUEST_INVALID', "visibility must be 'public' or 'private'");
    }
    const nodeId = this.exchanger.actingNode(options);
    const fields = await this.#set('set_visibility', nodeId, { public: visibility === 'public' }, options);
    return { visibility: fields.text('visibility') === 'public' ? 'public' : 'private', raw: rawOf(fields) };
  }

  /**
   * The addresses of two nodes, one of which is the caller's, for punching through their routers at once.
   * (spec 7.2)
   */
  async punch(nodeA: number, nodeB: number, options: NodeCallOptions = {}): Promise<Punched> {
    const requesterId = this.exchanger.actingNode(options);
    const fields = await this.exchanger.json({
      type: 'punch',
      fields: { requester_id: requesterId, node_a: requireNodeId(nodeA), node_b: requireNodeId(nodeB) },
      authorization: { kind: 'signature', nodeId: requesterId },
      repeatable: true,
      options,
    });
    return {
      nodeA: { nodeId: fields.number('node_a'), realAddress: fields.text('node_a_addr') },
      nodeB: { nodeId: fields.number('node_b'), realAddress: fields.text('node_b_addr') },
      raw: rawOf(fields),
    };
  }

  async #set(type: string, nodeId: number, fields: object, options: CallOptions): Promise<Fields> {
    return await this.exchanger.json({
      type,
      fields: { node_id: nodeId, ...fields },
      authorization: { kind: 'signature-or-admin', nodeId },
      repeatable: true,
      options,
    });
  }
}

/** The reply that typed fields were read from. */
export function rawOf(fields: Fields): RawReply {
  return { encoding: 'json', message: fields.message };
}

/** Signed by this node, or by nobody. */
export function signatureOf(nodeId: number | undefined): Authorization {
  return nodeId === undefined ? { kind: 'none' } : { kind: 'signature', nodeId };
}

function registrationFields(registration: Registration, publicKey: string): Record<string, unknown> {
  const { owner, hostname, version, lanAddresses, relayOnly, identityToken } = registration;
  return {
    listen_addr: registration.listenAddress ?? '',
    public_key: publicKey,
    owner: owner === '' ? undefined : owner,
    hostname: hostname === '' ? undefined : hostname,
    version: version === '' ? undefined : version,
    lan_addrs: lanAddresses === undefined || lanAddresses.length === 0 ? undefined : lanAddresses,
    relay_only: relayOnly === true ? true : undefined,
    identity_token: identityToken,
  };
}

function hostnameOutcome(fields: Fields): Registered['hostname'] {
  const reason = fields.optionalText('hostname_error');
  if (reason !== undefined) return { kind: 'refused', reason };
  const hostname = fields.optionalText('hostname');
  return hostname === undefined || hostname === '' ? { kind: 'none' } : { kind: 'set', hostname };
}

function visibilityOf(isPublic: boolean, realAddress: string): PublicNode | PrivateNode {
  return isPublic ? { visibility: 'public', realAddress } : { visibility: 'private' };
}

function lookedUpFromJson(fields: Fields): LookedUp {
  const facts = compact<NodeFacts & WithRaw>({
    nodeId: fields.number('node_id'),
    address: fields.text('address'),
    networks: fields.numbers('networks'),
    publicKey: fields.key('public_key'),
    hostname: fields.optionalText('hostname'),
    tags: fields.texts('tags'),
    taskExec: fields.flag('task_exec'),
    externalId: fields.optionalText('external_id'),
    relayOnly: fields.flag('relay_only'),
    lastSeenMs: fields.unixMs('last_seen_unix'),
    keyGeneration: fields.optionalNumber('key_generation'),
    version: fields.optionalText('version'),
    badge: readBadge(fields),
    verified: fields.flag('verified'),
    raw: rawOf(fields),
  });
  return { ...facts, ...visibilityOf(fields.flag('public'), fields.optionalText('real_addr') ?? '') };
}

function lookedUpNatively(raw: RawReply & { encoding: 'binary' }): LookedUp {
  const reply = decodeLookupOk(bufferOf(raw));
  const facts = compact<NodeFacts & WithRaw>({
    nodeId: reply.nodeId,
    address: formatAddress({ networkId: 0, nodeId: reply.nodeId }),
    networks: reply.networks,
    publicKey: reply.publicKey.length === 0 ? undefined : reply.publicKey,
    hostname: reply.hostname === '' ? undefined : reply.hostname,
    tags: reply.tags,
    taskExec: reply.taskExec,
    externalId: reply.externalId === '' ? undefined : reply.externalId,
    raw,
  });
  return { ...facts, ...visibilityOf(reply.public, reply.realAddress) };
}

function bufferOf({ payload }: { readonly payload: Uint8Array }): Buffer {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}
