/**
 * What js-libp2p keeps: DHT records, provider entries and known peers, in memory.
 *
 * Fault model: any member of the fleet may be hostile, and puts whatever it likes as often as it likes. A record is
 * stored only when the rules of its namespace hold it valid and not older than what is stored, whoever puts it, this
 * process included; and each of the three kinds has a bound, beyond which the oldest entries go (M-14).
 */

import { NotFoundError } from '@libp2p/interface';
import { Record as DhtRecord } from '@libp2p/kad-dht';
import { peerIdFromString } from '@libp2p/peer-id';
import { BaseDatastore } from 'datastore-core';
import { Key } from 'interface-datastore';
import { base32 } from 'multiformats/bases/base32';
import type { DhtNamespace } from '../overlay.ts';

interface Entry {
  readonly key: Key;
  readonly value: Uint8Array;
}

const RECORD_PREFIX = '/dht/record/';
const PROVIDER_PREFIX = '/dht/provider/';
const PEER_PREFIX = '/peers/';

/** How many entries of each kind are kept. */
export interface StoreLimits {
  readonly records: number;
  readonly providers: number;
  /** Peers beyond those that must be kept. */
  readonly strangers: number;
  /** Provider entries of one peer. @default 16 */
  readonly provided?: number;
  /** Providers of one content that an answer names: those that were put last. @default all */
  readonly answered?: number;
}

type Kind = 'records' | 'providers' | 'strangers';

export const STORE_LIMITS: StoreLimits = { records: 16_384, providers: 4_096, strangers: 2_048 };

/** One provider entry a peer is what discovery needs. */
const MAX_PROVIDED = 16;

/** Key and value texts are short: names of namespaces, a DID or a peer id. */
const MAX_KEY_BYTES = 512;
/** An indexer record is the longest value. */
const MAX_VALUE_BYTES = 131_072;

/** Entries that one put looks at when it makes room. */
const EVICTION_TURNS = 32;

/** A put that the rules refuse. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused';
}

/** The rules of the namespaces, by name. */
export class NamespaceRules {
  readonly #rules = new Map<string, DhtNamespace>();

  add(name: string, rules: DhtNamespace): void {
    this.#rules.set(name, rules);
  }

  get names(): readonly string[] {
    return [...this.#rules.keys()];
  }

  /** The rules for a key, or undefined for keys that are not served. */
  of(key: string): DhtNamespace | undefined {
    const [empty, name, rest] = key.split('/', 3);
    return empty === '' && name !== undefined && rest !== undefined && rest !== ''
      ? this.#rules.get(name)
      : undefined;
  }

  isValid(key: string, value: Uint8Array): boolean {
    if (value.length > MAX_VALUE_BYTES || key.length > MAX_KEY_BYTES) return false;
    return this.of(key)?.validate(key, value) === true;
  }

  /** The best of the valid values; undefined when there is none. */
  best(key: string, values: readonly Uint8Array[]): Uint8Array | undefined {
    const valid = values.filter((value) => this.isValid(key, value));
    if (valid.length < 2) return valid[0];
    return valid[this.of(key)?.select(key, valid) ?? 0];
  }
}

export class GuardedDatastore extends BaseDatastore {
  /** By the text of the key: a `Key` lies in a pool of 8 KiB and would hold it. So do values, unless copied. */
  readonly #entries = new Map<string, Uint8Array>();
  readonly #rules: NamespaceRules;
  readonly #limits: StoreLimits;
  readonly #isKept: (peer: string) => boolean;
  /** How many provider entries a peer (by its key) has. */
  readonly #providers = new Map<string, number>();
  /**
   * The provider entries of one content, the newest last, each with the key of its peer, so that a question for it needs no walk over all
   * entries.
   */
  readonly #byContent = new Map<string, Map<string, string>>();
  /** Keys in the order of their last put, by kind. */
  readonly #order = {
    records: new Set<string>(),
    providers: new Set<string>(),
    strangers: new Set<string>(),
  };

  /** `isKept` says whether a peer (the text of its key after `/peers/`) must not be forgotten. */
  constructor(
    rules: NamespaceRules,
    isKept: (peerKey: string) => boolean,
    limits: StoreLimits = STORE_LIMITS,
  ) {
    super();
    this.#rules = rules;
    this.#isKept = isKept;
    this.#limits = limits;
  }

  /** Entries by kind. */
  get sizes(): Readonly<Record<Kind, number>> {
    const { records, providers, strangers } = this.#order;
    return { records: records.size, providers: providers.size, strangers: strangers.size };
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    const name = key.toString();
    const kind = kindOf(name);
    if (kind === 'records') this.#check(name, value);
    if (kind === 'providers' && !this.#mayProvide(name)) throw new StoreRefused('the peer provides too much');
    this.#entries.set(name, new Uint8Array(value));
    if (kind !== undefined) this.#remember(kind, name);
    return key;
  }

  override async get(key: Key): Promise<Uint8Array> {
    const value = this.#entries.get(key.toString());
    if (value === undefined) throw new NotFoundError();
    return value;
  }

  override async has(key: Key): Promise<boolean> {
    return this.#entries.has(key.toString());
  }

  override async delete(key: Key): Promise<void> {
    this.#forget(key.toString());
  }

  /**
   * Entries of providers that the peer store has forgotten are left out: one of them would make js-libp2p fail the
   * whole answer.
   */
  override async *_all(query: { readonly prefix?: string | undefined }): AsyncGenerator<Entry> {
    const prefix = query.prefix ?? '';
    if (prefix.startsWith(PROVIDER_PREFIX)) {
      yield* this.#providersOf(this.#byContent.get(prefix) ?? new Map<string, string>());
      return;
    }
    for (const [name, value] of this.#entries) {
      if (!name.startsWith(prefix)) continue;
      if (name.startsWith(PROVIDER_PREFIX) && !this.#entries.has(peerOfProvider(name))) continue;
      yield { key: new Key(name, false), value };
    }
  }

  *#providersOf(content: ReadonlyMap<string, string>): Generator<Entry> {
    const limit = this.#limits.answered ?? Number.POSITIVE_INFINITY;
    let answered = 0;
    for (const [name, peer] of [...content].toReversed()) {
      const value = this.#entries.get(name);
      if (value === undefined || !this.#entries.has(peer)) continue;
      if (answered >= limit) return;
      answered += 1;
      yield { key: new Key(name, false), value };
    }
  }

  override async *_allKeys(query: { readonly prefix?: string | undefined }): AsyncGenerator<Key> {
    for await (const { key } of this._all(query)) yield key;
  }

  /** The stored value of a DHT key, valid or not. */
  storedValue(key: string): Uint8Array | undefined {
    const stored = this.#entries.get(recordName(Buffer.from(key)));
    return stored === undefined ? undefined : DhtRecord.deserialize(stored).value;
  }

  /** One peer may not drive the entries of all others out. */
  #mayProvide(name: string): boolean {
    const limit = this.#limits.provided ?? MAX_PROVIDED;
    return this.#entries.has(name) || (this.#providers.get(peerOfProvider(name)) ?? 0) < limit;
  }

  #check(name: string, bytes: Uint8Array): void {
    const record = DhtRecord.deserialize(bytes);
    const key = Buffer.from(record.key).toString();
    if (recordName(record.key) !== name || !Buffer.from(key).equals(record.key)) {
      throw new StoreRefused('the record is of another key');
    }
    if (!this.#rules.isValid(key, record.value))
      throw new StoreRefused('the record is not valid under its key');
    const stored = this.storedValue(key);
    if (stored === undefined || Buffer.from(stored).equals(record.value)) return;
    if (this.#rules.best(key, [stored, record.value]) === stored) {
      throw new StoreRefused('a newer record is stored');
    }
  }

  #remember(kind: Kind, name: string): void {
    const order = this.#order[kind];
    const isNew = !order.delete(name);
    if (kind === 'providers' && isNew) this.#countProvider(name, 1);
    else if (kind === 'providers') this.#renew(name);
    order.add(name);
    for (let turn = 0; turn < EVICTION_TURNS && order.size > this.#limits[kind]; turn += 1) {
      const [oldest] = order;
      if (oldest === undefined) return;
      if (kind === 'strangers' && this.#mustStay(oldest)) {
        // It goes to the end, so that the next put looks at others.
        order.delete(oldest);
        order.add(oldest);
      } else this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    this.#entries.delete(name);
    const kind = kindOf(name);
    if (kind === undefined || !this.#order[kind].delete(name)) return;
    if (kind === 'providers') this.#countProvider(name, -1);
  }

  /** Providers stay, too: their number is bounded by that of their entries. */
  #mustStay(name: string): boolean {
    return this.#providers.has(name) || this.#isKept(name.slice(PEER_PREFIX.length));
  }

  #countProvider(name: string, change: number): void {
    const peer = peerOfProvider(name);
    const count = (this.#providers.get(peer) ?? 0) + change;
    if (count > 0) this.#providers.set(peer, count);
    else this.#providers.delete(peer);
    const content = contentOf(name);
    const names = this.#byContent.get(content) ?? new Map<string, string>();
    if (change > 0) names.set(name, peer);
    else names.delete(name);
    if (names.size > 0) this.#byContent.set(content, names);
    else this.#byContent.delete(content);
  }

  #renew(name: string): void {
    const names = this.#byContent.get(contentOf(name));
    const peer = names?.get(name);
    if (names === undefined || peer === undefined) return;
    names.delete(name);
    names.set(name, peer);
  }
}

function contentOf(provider: string): string {
  return provider.slice(0, provider.lastIndexOf('/'));
}

/** The key of the peer that a provider's entry names: the last part of its key is the peer id. */
function peerOfProvider(name: string): string {
  return (
    PEER_PREFIX +
    peerIdFromString(name.split('/').at(-1) ?? '')
      .toCID()
      .toString()
  );
}

function recordName(key: Uint8Array): string {
  return RECORD_PREFIX + base32.encode(key).slice(1);
}

function kindOf(name: string): Kind | undefined {
  if (name.startsWith(PEER_PREFIX)) return 'strangers';
  if (name.startsWith(RECORD_PREFIX)) return 'records';
  return name.startsWith(PROVIDER_PREFIX) ? 'providers' : undefined;
}
