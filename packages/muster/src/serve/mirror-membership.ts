/** A mirror as a member of a registry: what it publishes there, and what it takes from there. */
import type { CoordinationAgent, MemberEntry } from '@muster/coordination';
import type { CoordinationConfig } from '@muster/coordination/config';
import { type Config, type Logger, systemClock } from '@muster/core';
import type { Identity } from '@muster/core/identity';
import type { RegistryClient } from '@muster/client';
import { hostnameOf, type MemberFacts } from '../membership/member-facts.ts';
import { declareMembershipMetrics } from '../membership/membership-metrics.ts';
import { openMembership, visibilityOf } from '../membership/open-membership.ts';
import { PeerPolicy } from '../membership/peer-policy.ts';
import type { RegistryMembership } from '../membership/registry-membership.ts';
import { onSupervisedCut } from '../membership/supervised-cuts.ts';
import { isOwnNetwork, type MirrorSettings } from './mirror-config.ts';
import { mirrorEntryOf } from './registry-member-list.ts';

export interface MirrorMembershipParts {
  readonly loaded: Config<MirrorSettings>;
  readonly config: CoordinationConfig;
  readonly identity: Identity;
  readonly logger: Logger;
}

export class MirrorMembership {
  readonly policy: PeerPolicy;
  readonly membership: RegistryMembership | undefined;
  /** The configuration of the agent: its name is the one in the registry where the others find it there. */
  readonly config: CoordinationConfig;
  readonly #parts: MirrorMembershipParts;
  readonly #name: string;
  #agent: CoordinationAgent | undefined;
  #stopHearing: () => void = () => {};

  private constructor(parts: MirrorMembershipParts, membership: RegistryMembership | undefined) {
    const { loaded, config, identity } = parts;
    this.#parts = parts;
    this.membership = membership;
    this.policy = new PeerPolicy(
      membership,
      config.node.bootstrapPeers.flatMap((address) => address.split('/p2p/')[1] ?? []),
    );
    const { nodeName } = config.node;
    this.#name = hostnameOf(nodeName) ?? hostnameOf(`mirror-${identity.peerId.slice(-6)}`) ?? identity.peerId;
    this.config = isOwnNetwork(loaded, config)
      ? { ...config, node: { ...config.node, nodeName: this.#name } }
      : config;
  }

  /** Before the network starts. Throws FILE_UNUSABLE. */
  static async open(parts: MirrorMembershipParts): Promise<MirrorMembership> {
    const { identityPath } = parts.config.node;
    const membersFile = identityPath === '' ? undefined : `${identityPath}.members.json`;
    const membership = await openMembership(parts.loaded.values, { membersFile, logger: parts.logger });
    return new MirrorMembership(parts, membership);
  }

  /** The client with which it asks the registry, as the node that it is there. */
  get client(): RegistryClient | undefined {
    return this.membership?.connect(this.#parts.identity);
  }

  /** The mirrors of its network; undefined when the members are to come from somewhere else. */
  get list(): ((signal: AbortSignal) => Promise<readonly MemberEntry[]>) | undefined {
    const { loaded, config } = this.#parts;
    const { membership } = this;
    if (membership === undefined || !isOwnNetwork(loaded, config)) return undefined;
    return async (signal) => {
      // The agent asks when it can be reached, before it goes on to serve: whom it finds depends on being registered.
      if (this.#agent !== undefined) this.start(this.#agent);
      const members = await membership.whenKnown(signal);
      return members.flatMap((member) => mirrorEntryOf(member) ?? []);
    };
  }

  /** Before anything connects. Returns at once. */
  obeySupervisor(environment: Readonly<Record<string, string | undefined>>): void {
    this.#stopHearing = onSupervisedCut(environment, (peers) => this.policy.cut(peers));
  }

  /** Before the agent starts, which asks for the members while it does. */
  expect(agent: CoordinationAgent): void {
    if (this.membership !== undefined) declareMembershipMetrics(agent.metrics, this.membership, systemClock);
    this.#agent = agent;
  }

  /** Once the agent runs: all its ports are known. Returns at once. */
  start(agent: CoordinationAgent): void {
    this.#agent = undefined;
    this.membership?.start(this.#parts.identity, this.#factsOf(agent));
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    this.#stopHearing();
    await this.membership?.stop();
  }

  #factsOf(agent: CoordinationAgent): MemberFacts {
    const { values } = this.#parts.loaded;
    const { node } = this.config;
    const [announced] = [...node.libp2pAnnounce, ...agent.p2pAddresses].flatMap((text) => {
      const [, kind = '', host = '', protocol, port] = text.split('/');
      return protocol === 'tcp' && kind.startsWith('ip') ? [{ host, port: Number(port) }] : [];
    });
    const hosts = node.libp2pListen.map((address) => address.split('/')[2] ?? '');
    return {
      name: this.#name,
      roles: ['mirror'],
      p2pPort: announced?.port ?? 0,
      transferPort: agent.listeners.transfer.port,
      // The last of its listeners: not known while it starts.
      statusPort: agent.listeners.metrics.port === 0 ? undefined : agent.listeners.metrics.port,
      zone: node.zone,
      tags: values.registryTags,
      announcedHost: node.libp2pAnnounce.length === 0 ? undefined : announced?.host,
      visibility: visibilityOf(values, [...hosts, node.transferListen.host]),
    };
  }
}
