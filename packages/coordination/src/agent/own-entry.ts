/** What an agent says of itself to the others (coordination spec 18.3). */

import { isIP } from 'node:net';
import type { NodeSettings } from '../config/coordination-config.ts';
import { formatHostPort, publishedMultiaddrs, transferAddress } from '../members/published-address.ts';
import type { ClusterNode } from '../types.ts';
import type { AgentNetwork } from './network.ts';

export class OwnEntry {
  readonly #settings: NodeSettings;
  readonly #network: Pick<AgentNetwork, 'streams' | 'listenAddresses'>;
  readonly #id: string;
  #transferPort: number;

  constructor(
    settings: NodeSettings,
    network: Pick<AgentNetwork, 'streams' | 'listenAddresses'>,
    id: string,
  ) {
    this.#settings = settings;
    this.#network = network;
    this.#id = id;
    this.#transferPort = settings.transferListen.port;
  }

  /** The port that the transfer listener has got. */
  get transferPort(): number {
    return this.#transferPort;
  }

  bound(transferPort: number): void {
    this.#transferPort = transferPort;
  }

  /** Whether the transfer listener and the pod's address are of different families. */
  get isFamilyMismatch(): boolean {
    return this.#transfer().isFamilyMismatch;
  }

  node(): ClusterNode {
    return {
      id: this.#id,
      addr: this.#transfer().advertised,
      zone: this.#settings.zone,
      peerId: this.#network.streams.self,
      p2pAddrs: this.p2pAddresses(),
    };
  }

  /** With `/p2p`. Wildcards need the address of the pod; without one, the addresses of this machine's interfaces are given. */
  p2pAddresses(): readonly string[] {
    const { libp2pListen, libp2pAnnounce, podIp } = this.#settings;
    const { self } = this.#network.streams;
    const announced = libp2pAnnounce.map((address) => `${address}/p2p/${self}`);
    if (podIp === '') {
      const own = this.#network.streams.addresses().map((address) => `${address}/p2p/${self}`);
      return [...new Set([...announced, ...own])];
    }
    const listening = libp2pListen.map((address) => this.#withPort(address));
    return [...new Set([...announced, ...publishedMultiaddrs(listening, podIp, self)])];
  }

  #transfer(): ReturnType<typeof transferAddress> {
    const { host } = this.#settings.transferListen;
    return transferAddress(formatHostPort({ host, port: this.#transferPort }), this.#ownIp());
  }

  #ownIp(): string {
    const { podIp, membersSource } = this.#settings;
    if (podIp !== '' || membersSource === 'kubernetes') return podIp;
    const ips = this.#network.streams.addresses().map((address) => address.split('/')[2] ?? '');
    return ips.find((ip) => isIP(ip) === 4) ?? ips.find((ip) => isIP(ip) === 6) ?? '';
  }

  /** Port 0 is any free one: the one that was got, of the same protocol. */
  #withPort(address: string): string {
    if (!address.endsWith('/tcp/0')) return address;
    const [, protocol] = address.split('/');
    const actual = this.#network.listenAddresses().find((listening) => listening.startsWith(`/${protocol}/`));
    const port = /\/tcp\/(\d+)/.exec(actual ?? '')?.[1];
    return port === undefined ? address : address.replace(/\/tcp\/0$/, `/tcp/${port}`);
  }
}
