import type { Random } from '@muster/core';
import type { IdentityProviderSettings } from './events.ts';
import { BACKBONE, defaultLimits, type DirectoryLimits } from './limits.ts';
import { LeaseTable } from './lease-table.ts';
import { Network } from './network.ts';
import { NodeFlag, NodeTable } from './node-table.ts';
import { TrustGraph } from './trust-graph.ts';

/**
 * The whole state of the registry. It changes only through `applyEvent` (apply.ts) and through signs of life, which
 * are not part of the stored state. Reading it has no side effect and needs no clock.
 */
export class Directory {
  readonly limits: DirectoryLimits;
  readonly nodes: NodeTable;
  readonly networks = new Map<number, Network>();
  readonly networksByName = new Map<string, number>();
  readonly trust = new TrustGraph();
  readonly leases = new LeaseTable();
  /** Next id that sequential allocation hands out. */
  nextNode = 1;
  nextNetwork = 1;
  /** Identity webhook; '' = none. */
  identityWebhookUrl = '';
  identityProvider: IdentityProviderSettings | undefined;
  /** Sequence number of the last event that changed settings. */
  settingsChangedBy = 0;
  /**
   * Sections of an imported store that belong to operations which this version does not have yet (inboxes, audit log,
   * statistics, …), by name, as JSON values. They are kept through snapshots and given back by an export.
   */
  carried: Record<string, unknown> = {};
  /** Called before a network changes or goes away, so that a snapshot in progress can keep it. */
  beforeNetworkChange: ((network: Network) => void) | undefined;
  /** Called after a slot became live. */
  onLive: ((slot: number) => void) | undefined;

  constructor(random: Random, limits: Partial<DirectoryLimits> = {}) {
    this.limits = { ...defaultLimits, ...limits };
    this.nodes = new NodeTable(this.limits.maxNodes + this.limits.maxTombstones + 1, random);
    this.addNetwork(
      new Network({
        id: BACKBONE,
        name: 'backbone',
        joinRule: 'open',
        token: undefined,
        adminToken: undefined,
        enterprise: false,
        policy: undefined,
        rules: undefined,
        exprPolicy: undefined,
        created: 0,
      }),
    );
  }

  /** The reign that leases are granted under: when the store was begun, in unix seconds. Restarts do not change it. */
  get leaseEpoch(): number {
    return Math.max(1, this.networks.get(BACKBONE)?.profile.created ?? 0);
  }

  /** Whether two live nodes share a network other than the backbone. */
  shareNetwork(slotA: number, slotB: number): boolean {
    const other = this.nodes.idOf(slotB);
    const { networks } = this.nodes.profile(slotA);
    return networks.some((id) => id !== BACKBONE && this.networks.get(id)?.has(other) === true);
  }

  /**
   * Whether `requester` may see where `target` is (spec 9): the target is public or the requester itself, the two trust
   * one another, or they share a network other than the backbone. Every output that shows an address asks this.
   */
  mayResolve(requester: number, target: number): boolean {
    if (requester === target) return true;
    if (this.nodes.has(target, NodeFlag.public)) return true;
    if (this.trust.trusted(this.nodes.idOf(requester), this.nodes.idOf(target))) return true;
    return this.shareNetwork(requester, target);
  }

  addNetwork(network: Network): void {
    this.networks.set(network.id, network);
    if (!this.networksByName.has(network.profile.name))
      this.networksByName.set(network.profile.name, network.id);
  }

  removeNetwork(network: Network): void {
    this.networks.delete(network.id);
    if (this.networksByName.get(network.profile.name) === network.id)
      this.networksByName.delete(network.profile.name);
  }
}
