/** A node or indexer as a member of a registry: what it publishes there, and what it takes from there. */
import { join } from 'node:path';
import { type Config, type Logger, systemClock, systemRandom } from '@muster/core';
import type { DiscoveryConfig, discoverySettings } from '@muster/discovery/config';
import type { DiscoveryHost } from '@muster/discovery/host';
import { chooseIndexers, type NamedIndexer } from '../membership/indexers.ts';
import type { MemberFacts } from '../membership/member-facts.ts';
import { declareMembershipMetrics } from '../membership/membership-metrics.ts';
import { openMembership, visibilityOf } from '../membership/open-membership.ts';
import { PeerPolicy } from '../membership/peer-policy.ts';
import type { RegistryMembership } from '../membership/registry-membership.ts';
import { onSupervisedCut } from '../membership/supervised-cuts.ts';
import type { membershipSettings } from '../settings/membership-settings.ts';

export type NodeConfig = Config<typeof discoverySettings & typeof membershipSettings>;

export class NodeMembership {
  readonly policy: PeerPolicy;
  readonly membership: RegistryMembership | undefined;
  readonly #loaded: NodeConfig;
  readonly #config: DiscoveryConfig;
  readonly #endings: (() => void)[] = [];
  #named: readonly NamedIndexer[] = [];

  private constructor(
    loaded: NodeConfig,
    config: DiscoveryConfig,
    membership: RegistryMembership | undefined,
  ) {
    this.#loaded = loaded;
    this.#config = config;
    this.membership = membership;
    this.policy = new PeerPolicy(
      membership,
      config.settings.indexerAddresses.map(({ ID }) => ID),
    );
  }

  /** Before the host starts. Throws FILE_UNUSABLE. */
  static async open(loaded: NodeConfig, config: DiscoveryConfig, logger: Logger): Promise<NodeMembership> {
    const { store } = config.process;
    const membersFile = store.kind === 'file' ? join(store.directory, 'members.json') : undefined;
    const membership = await openMembership(loaded.values, { membersFile, logger });
    return new NodeMembership(loaded, config, membership);
  }

  /** Once the host runs: its ports are known. Returns at once. */
  start(host: DiscoveryHost, environment: Readonly<Record<string, string | undefined>>): void {
    const { membership } = this;
    this.#endings.push(onSupervisedCut(environment, (peers) => this.policy.cut(peers)));
    if (membership === undefined) return;
    this.#endings.push(membership.onChange(() => this.#nameIndexers(host)));
    this.#nameIndexers(host);
    declareMembershipMetrics(host.metrics, membership, systemClock);
    membership.start(host.identity, this.#factsOf(host));
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    for (const end of this.#endings) end();
    await this.membership?.stop();
  }

  #nameIndexers(host: DiscoveryHost): void {
    const members = this.membership?.list();
    if (members === undefined) return;
    this.#named = chooseIndexers(members, {
      self: host.identity.peerId,
      count: this.#config.settings.maxIndexer,
      before: this.#named,
      random: systemRandom,
    });
    host.daemon.nameIndexers(this.#named.map(({ ID, Addrs }) => ({ ID, Addrs: [...Addrs] })));
  }

  #factsOf(host: DiscoveryHost): MemberFacts {
    const { values } = this.#loaded;
    const { roles } = host.settings;
    const { listenHost, announceAddresses } = this.#config.process;
    const [announced] = announceAddresses.flatMap((text) => {
      const [, kind, address, , port] = text.split('/');
      return kind === 'ip4' || kind === 'ip6' ? [{ host: address, port: Number(port) }] : [];
    });
    return {
      name: host.daemon.name,
      roles: [...(roles.node ? ['node' as const] : []), ...(roles.indexer ? ['indexer' as const] : [])],
      p2pPort: announced?.port ?? portOf(host.addresses) ?? this.#config.process.port,
      statusPort: host.statusAddress?.port,
      tags: values.registryTags,
      announcedHost: announced?.host,
      visibility: visibilityOf(values, [listenHost]),
    };
  }
}

function portOf([address]: readonly string[]): number | undefined {
  return address === undefined ? undefined : Number(address.split('/')[4]);
}
