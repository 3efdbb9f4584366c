import { discoveryErrors } from '../../src/errors.ts';
import type { Dht, DhtNamespace, GetOptions } from '../../src/overlay/overlay.ts';
import type { AddrInfo, PeerId } from '../../src/wire/messages.ts';
import type { MemoryNetwork } from './memory-overlay.ts';

/** The one store that all members of a network share; every value that was ever put stays. */
export class MemoryDhtStore {
  readonly values = new Map<string, Uint8Array[]>();
  readonly providers = new Map<string, Set<PeerId>>();

  /** Puts a value that nobody checked, as a hostile member would. */
  putRaw(key: string, value: Uint8Array): void {
    this.values.set(key, [...(this.values.get(key) ?? []), value]);
  }
}

/** A member's view of the shared store, with rules of its own. */
export class MemoryDht implements Dht {
  readonly #self: PeerId;
  readonly #network: MemoryNetwork;
  readonly #rules = new Map<string, DhtNamespace>();
  #mode: 'client' | 'server' | undefined;

  constructor(self: PeerId, network: MemoryNetwork) {
    this.#self = self;
    this.#network = network;
  }

  get mode(): 'client' | 'server' | undefined {
    return this.#mode;
  }

  get isStarted(): boolean {
    return this.#mode !== undefined;
  }

  get routingTableSize(): number {
    if (this.#mode === undefined || !this.#network.isReachable(this.#self)) return 0;
    return this.#network
      .members()
      .filter(
        ({ self, dht }) => self !== this.#self && dht.mode === 'server' && this.#network.isReachable(self),
      ).length;
  }

  namespace(name: string, rules: DhtNamespace): void {
    this.#rules.set(name, rules);
  }

  async start(mode: 'client' | 'server'): Promise<void> {
    this.#mode = mode;
  }

  async bootstrap(): Promise<void> {
    await Promise.resolve();
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.#ask();
    if (!this.#rulesOf(key).validate(key, value)) throw failed('the value is not valid under its key');
    this.#network.store.putRaw(key, value);
  }

  async get(key: string, { isEnough }: GetOptions): Promise<Uint8Array | undefined> {
    await this.#ask();
    const rules = this.#rulesOf(key);
    const valid = (this.#network.store.values.get(key) ?? []).filter((value) => rules.validate(key, value));
    const enough = valid.findIndex((value) => isEnough?.(value) === true);
    if (enough >= 0) valid.length = enough + 1;
    return valid.length === 0 ? undefined : valid[rules.select(key, valid)];
  }

  async provide(cid: string): Promise<void> {
    await this.#ask();
    const { providers } = this.#network.store;
    providers.set(cid, (providers.get(cid) ?? new Set()).add(this.#self));
  }

  async findProviders(cid: string, options: { readonly count: number }): Promise<readonly AddrInfo[]> {
    await this.#ask();
    const peers = [...(this.#network.store.providers.get(cid) ?? [])].filter((peer) => peer !== this.#self);
    return peers.slice(0, options.count).map((peer) => this.#network.addrInfo(peer));
  }

  async findPeer(peer: PeerId): Promise<AddrInfo | undefined> {
    await this.#ask();
    return this.#network.isReachable(peer) ? this.#network.addrInfo(peer) : undefined;
  }

  stop(): void {
    this.#mode = undefined;
  }

  async #ask(): Promise<void> {
    await Promise.resolve();
    if (this.#mode === undefined) throw failed('the DHT is not started');
    if (this.routingTableSize === 0 && this.#mode !== 'server') throw failed('nobody can be asked');
  }

  #rulesOf(key: string): DhtNamespace {
    const rules = this.#rules.get(key.split('/')[1] ?? '');
    if (rules === undefined) throw failed('the key is of no known namespace');
    return rules;
  }
}

function failed(message: string): Error {
  return discoveryErrors.create('DHT_FAILED', message);
}
