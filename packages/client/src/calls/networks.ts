/** Trust between nodes, and networks of nodes (registry spec sections 7.6 and 7.7). */
import { clientErrors } from '../errors.ts';
import { compact, type Fields, type WithRaw } from '../reply.ts';
import { requireNetworkId, requireNodeId } from '../wire/address.ts';
import { rawOf, signatureOf } from './directory.ts';
import type { AdminCallOptions, CallOptions, NodeCallOptions } from './exchange.ts';
import { KeyCalls } from './keys.ts';

/** A network to be created. */
export interface NewNetwork {
  readonly name: string;
  /** The node that owns it and is its first member. @default the client's nodeId */
  readonly nodeId?: number;
  /** @default 'open' */
  readonly joinRule?: 'open' | 'token' | 'invite';
  /** What a node must present to join, with the rule `token`. */
  readonly token?: string;
  /** An admin token for this network alone. */
  readonly networkAdminToken?: string;
  /** @default false */
  readonly enterprise?: boolean;
  /** Rules of a managed network, as JSON text or object. */
  readonly rules?: string | object;
  /** A policy, as JSON text or object. */
  readonly exprPolicy?: string | object;
}

/** A network that was created. */
export interface CreatedNetwork extends WithRaw {
  readonly networkId: number;
  readonly name: string;
  readonly enterprise: boolean;
  readonly managed: boolean;
}

/** Options of `joinNetwork`. */
export interface JoinOptions extends NodeCallOptions {
  /** For networks with the join rule `token`. */
  readonly token?: string;
}

/** A membership. */
export interface JoinedNetwork extends WithRaw {
  readonly networkId: number;
  /** The node's virtual address in the network. */
  readonly address: string;
  readonly rules?: unknown;
  readonly exprPolicy?: unknown;
}

/** For calls that an administrator, or a member with a role, may make. */
export interface RoleCallOptions extends AdminCallOptions {
  /** The member who acts. @default the client's nodeId, when there is no admin token */
  readonly nodeId?: number;
}

/** Options of `listNetworks`. */
export interface ListNetworksOptions extends AdminCallOptions {
  /** List as administrator, with the number of members. @default true when `adminToken` is given with the call */
  readonly asAdministrator?: boolean;
}

/** A network. */
export interface NetworkEntry {
  readonly networkId: number;
  readonly name: string;
  readonly joinRule: string;
  readonly enterprise: boolean;
  readonly createdAtMs?: number;
  /** For administrators. */
  readonly memberCount?: number;
  readonly maxMembers?: number;
  readonly description?: string;
  readonly managed: boolean;
  readonly rules?: unknown;
  readonly hasExprPolicy: boolean;
}

/** What a call about one network resolves with. */
export interface NetworkResult extends WithRaw {
  readonly networkId: number;
}

export class NetworkCalls extends KeyCalls {
  /** Declares that the client's node trusts a peer. At least once. */
  async reportTrust(peerId: number, options: NodeCallOptions = {}): Promise<WithRaw> {
    return await this.#trust('report_trust', peerId, true, options);
  }

  /** Takes the trust back. At most once: a second time it is refused with `not_found`. */
  async revokeTrust(peerId: number, options: NodeCallOptions = {}): Promise<WithRaw> {
    return await this.#trust('revoke_trust', peerId, false, options);
  }

  /** Whether two nodes trust each other, or are members of the same network. At least once. */
  async checkTrust(
    nodeId: number,
    peerId: number,
    options: CallOptions = {},
  ): Promise<WithRaw & { readonly trusted: boolean }> {
    const requester = this.exchanger.strict.directory ? this.exchanger.actingNode({}) : undefined;
    const fields = await this.exchanger.json({
      type: 'check_trust',
      fields: {
        node_id: requireNodeId(nodeId),
        peer_id: requireNodeId(peerId, 'peer id'),
        requester_id: requester,
      },
      authorization: signatureOf(requester),
      repeatable: true,
      options,
    });
    return { trusted: fields.flag('trusted'), raw: rawOf(fields) };
  }

  /** Creates a network. Administrators only. At most once: its name is taken afterwards. */
  async createNetwork(network: NewNetwork, options: AdminCallOptions = {}): Promise<CreatedNetwork> {
    if (network.name === '') throw clientErrors.create('REQUEST_INVALID', 'the name is empty');
    const nodeId = this.exchanger.actingNode(network.nodeId === undefined ? {} : { nodeId: network.nodeId });
    const fields = await this.exchanger.json({
      type: 'create_network',
      fields: {
        node_id: nodeId,
        name: network.name,
        join_rule: network.joinRule ?? 'open',
        token: network.token ?? '',
        network_admin_token: network.networkAdminToken,
        enterprise: network.enterprise === true ? true : undefined,
        rules: network.rules,
        expr_policy: network.exprPolicy,
      },
      authorization: { kind: 'admin', adminToken: options.adminToken },
      repeatable: false,
      options,
    });
    return {
      networkId: fields.number('network_id'),
      name: fields.text('name'),
      enterprise: fields.flag('enterprise'),
      managed: fields.flag('managed'),
      raw: rawOf(fields),
    };
  }

  /** Makes a node a member. At most once: a second time it is refused with `conflict`. */
  async joinNetwork(networkId: number, options: JoinOptions = {}): Promise<JoinedNetwork> {
    const nodeId = this.exchanger.actingNode(options);
    const fields = await this.#membership('join_network', networkId, nodeId, options, {
      inviter_id: 0,
      token: options.token ?? '',
    });
    return compact<JoinedNetwork>({
      networkId: fields.number('network_id'),
      address: fields.text('address'),
      rules: fields.message['rules'],
      exprPolicy: fields.message['expr_policy'],
      raw: rawOf(fields),
    });
  }

  /** Ends a membership. At most once: a second time it is refused. */
  async leaveNetwork(networkId: number, options: NodeCallOptions = {}): Promise<NetworkResult> {
    const nodeId = this.exchanger.actingNode(options);
    return networkResult(await this.#membership('leave_network', networkId, nodeId, options, {}));
  }

  /** Deletes a network. Administrators and its owner. At most once: a second time it is refused with `not_found`. */
  async deleteNetwork(networkId: number, options: RoleCallOptions = {}): Promise<NetworkResult> {
    return networkResult(await this.#byRole('delete_network', networkId, {}, false, options));
  }

  /** Renames a network. Administrators, its owner and its admins. At least once. */
  async renameNetwork(
    networkId: number,
    name: string,
    options: RoleCallOptions = {},
  ): Promise<NetworkResult & { readonly name: string }> {
    const fields = await this.#byRole('rename_network', networkId, { name }, true, options);
    return { ...networkResult(fields), name: fields.text('name') };
  }

  /** Gives a network the enterprise flag or takes it, and with it all roles, away. Administrators only. At least once. */
  async setNetworkEnterprise(
    networkId: number,
    enterprise: boolean,
    options: AdminCallOptions = {},
  ): Promise<NetworkResult & { readonly enterprise: boolean }> {
    const fields = await this.exchanger.json({
      type: 'set_network_enterprise',
      fields: { network_id: requireNetworkId(networkId), enterprise },
      authorization: { kind: 'admin', adminToken: options.adminToken },
      repeatable: true,
      options,
    });
    return { ...networkResult(fields), enterprise: fields.flag('enterprise') };
  }

  /** The networks, in no particular order. At least once. */
  async listNetworks(
    options: ListNetworksOptions = {},
  ): Promise<WithRaw & { readonly networks: readonly NetworkEntry[] }> {
    const asAdministrator = options.asAdministrator ?? options.adminToken !== undefined;
    const signs = this.exchanger.strict.directory && !asAdministrator;
    const requester = signs ? this.exchanger.actingNode({}) : undefined;
    const fields = await this.exchanger.json({
      type: 'list_networks',
      fields: { requester_id: requester },
      authorization: asAdministrator
        ? { kind: 'admin', adminToken: options.adminToken }
        : signatureOf(requester),
      repeatable: true,
      options,
    });
    return { networks: fields.list('networks').map(readNetwork), raw: rawOf(fields) };
  }

  async #trust(
    type: string,
    peerId: number,
    repeatable: boolean,
    options: NodeCallOptions,
  ): Promise<WithRaw> {
    const nodeId = this.exchanger.actingNode(options);
    const fields = await this.exchanger.json({
      type,
      fields: { node_id: nodeId, peer_id: requireNodeId(peerId, 'peer id') },
      authorization: { kind: 'signature', nodeId },
      repeatable,
      options,
    });
    return { raw: rawOf(fields) };
  }

  async #membership(
    type: string,
    networkId: number,
    nodeId: number,
    options: CallOptions,
    more: object,
  ): Promise<Fields> {
    return await this.exchanger.json({
      type,
      fields: { node_id: nodeId, network_id: requireNetworkId(networkId), ...more },
      authorization: { kind: 'signature-or-admin', nodeId },
      repeatable: false,
      options,
    });
  }

  async #byRole(
    type: string,
    networkId: number,
    more: object,
    repeatable: boolean,
    options: RoleCallOptions,
  ): Promise<Fields> {
    const { self } = this.exchanger;
    const hasToken = options.adminToken !== undefined || self.adminToken !== undefined;
    const nodeId = options.nodeId ?? (hasToken ? undefined : self.nodeId);
    if (nodeId !== undefined) requireNodeId(nodeId);
    return await this.exchanger.json({
      type,
      fields: { network_id: requireNetworkId(networkId), node_id: nodeId, ...more },
      authorization: { kind: 'role', nodeId, adminToken: options.adminToken },
      repeatable,
      options,
    });
  }
}

function networkResult(fields: Fields): NetworkResult {
  return { networkId: fields.number('network_id'), raw: rawOf(fields) };
}

function readNetwork(fields: Fields): NetworkEntry {
  return compact<NetworkEntry>({
    networkId: fields.number('id'),
    name: fields.text('name'),
    joinRule: fields.text('join_rule'),
    enterprise: fields.flag('enterprise'),
    createdAtMs: fields.unixMs('created'),
    memberCount: fields.optionalNumber('members'),
    maxMembers: fields.optionalNumber('max_members'),
    description: fields.optionalText('description'),
    managed: fields.flag('managed'),
    rules: fields.message['rules'],
    hasExprPolicy: fields.flag('has_expr_policy'),
  });
}
