/** Lists of members, whole, in pages and as changes (registry spec section 8.3 and B-27). */
import { clientErrors } from '../errors.ts';
import { integer } from '../options.ts';
import type { Fields, RawReply } from '../reply.ts';
import { MAX_NODE_ID, requireNetworkId } from '../wire/address.ts';
import { DirectoryCalls, rawOf } from './directory.ts';
import type { AdminCallOptions, Authorization } from './exchange.ts';
import { type NodeEntry, readNodeEntry } from './node-entry.ts';

/** Options of `listNodes`. */
export interface ListNodesOptions extends AdminCallOptions {
  /** Ask for at most so many nodes at a time, and go on until all are there. Each page has its own time limit. */
  readonly pageSize?: number;
  /** With `pageSize`: ask for no further page once there are so many. @default all */
  readonly maxNodes?: number;
  /**
   * Ask only for what has changed since this version, as told by an earlier list. A server that can't tell sends the
   * whole list. Not together with `pageSize`.
   */
  readonly sinceVersion?: number;
}

/** The members of a network. */
export type NodeList = FullNodeList | NodeListDelta;

/** All of them. */
export interface FullNodeList {
  readonly kind: 'full';
  readonly nodes: readonly NodeEntry[];
  /** Undefined from a server that does not count versions, and in pages. */
  readonly version: number | undefined;
  /** The replies that the list was put together from. */
  readonly raw: readonly RawReply[];
}

/** What has changed between two versions. */
export interface NodeListDelta {
  readonly kind: 'delta';
  readonly sinceVersion: number;
  readonly version: number;
  /** New members, and members of whom something has changed. */
  readonly changed: readonly NodeEntry[];
  /** Node ids of those that are no members any more. */
  readonly removed: readonly number[];
  readonly raw: readonly RawReply[];
}

export class ListingCalls extends DirectoryCalls {
  /** The members of a network. With `sinceVersion`, perhaps only what has changed. At least once. (spec 8.3) */
  async listNodes(
    networkId: number,
    options: ListNodesOptions & { readonly sinceVersion: number },
  ): Promise<NodeList>;
  /**
   * The members of a network, in the order in which they joined. Network 0, that is all nodes, is listed for an
   * administrator only. At least once. Refused with `not_found`. (spec 8.3)
   */
  async listNodes(
    networkId: number,
    options?: ListNodesOptions & { readonly sinceVersion?: undefined },
  ): Promise<FullNodeList>;
  async listNodes(networkId: number, options: ListNodesOptions = {}): Promise<NodeList> {
    const { pageSize, sinceVersion } = options;
    if (pageSize !== undefined && sinceVersion !== undefined) {
      throw clientErrors.create('REQUEST_INVALID', 'a list comes either in pages or as changes');
    }
    requireNetworkId(networkId);
    if (sinceVersion !== undefined) integer('sinceVersion', sinceVersion, 0, 0, Number.MAX_SAFE_INTEGER);
    if (pageSize !== undefined) return await this.#listPages(networkId, pageSize, options);
    const fields = await this.#list(networkId, { since_version: sinceVersion }, options);
    const nodes = fields.list('nodes').map(readNodeEntry);
    const version = fields.optionalNumber('version');
    const since = fields.optionalNumber('since_version');
    const raw = [rawOf(fields)];
    if (sinceVersion === undefined || since === undefined || version === undefined) {
      return { kind: 'full', nodes, version, raw };
    }
    if (since !== sinceVersion) {
      throw clientErrors.create(
        'PROTOCOL',
        `asked for changes since ${sinceVersion}, got those since ${since}`,
      );
    }
    return { kind: 'delta', sinceVersion, version, changed: nodes, removed: fields.numbers('removed'), raw };
  }

  async #listPages(networkId: number, pageSize: number, options: ListNodesOptions): Promise<FullNodeList> {
    const limit = integer('pageSize', pageSize, 0, 1, MAX_NODE_ID);
    const nodes: NodeEntry[] = [];
    const raw: RawReply[] = [];
    const cursors = new Set<number>();
    for (let after: number | undefined; ;) {
      const fields = await this.#list(networkId, { limit, after }, options);
      for (const entry of fields.list('nodes')) nodes.push(readNodeEntry(entry));
      raw.push(rawOf(fields));
      after = fields.optionalNumber('next_after');
      const isEnough = options.maxNodes !== undefined && nodes.length >= options.maxNodes;
      if (after === undefined || isEnough) return { kind: 'full', nodes, version: undefined, raw };
      if (cursors.has(after))
        throw clientErrors.create('PROTOCOL', `the pages of the list go in circles at ${after}`);
      cursors.add(after);
    }
  }

  async #list(networkId: number, more: object, options: ListNodesOptions): Promise<Fields> {
    const signs = this.exchanger.strict.directory && networkId !== 0;
    const requester = signs ? this.exchanger.actingNode({}) : undefined;
    let authorization: Authorization = { kind: 'none' };
    if (networkId === 0 || options.adminToken !== undefined) {
      authorization = { kind: 'admin', adminToken: options.adminToken };
    } else if (requester !== undefined) {
      authorization = { kind: 'signature', nodeId: requester };
    }
    return await this.exchanger.json({
      type: 'list_nodes',
      fields: { network_id: networkId, requester_id: requester, ...more },
      authorization,
      repeatable: true,
      options,
    });
  }
}
