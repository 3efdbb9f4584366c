/**
 * Signed records in the DHT, and the indexers that provide the common CID (discovery spec 10.2, 10.3, 10.6).
 *
 * Fault model: values come from strangers and provider entries outlive a dead indexer by hours (DEF-44). A value is used
 * only after its signature, its key and its expiry have been checked here, whatever the validators of other peers let
 * pass (DEF-39, DEF-40, DEF-98); a provider is only a candidate. No call rejects and every call has a bound.
 */

import type { DiscoveryContext } from '../context.ts';
import type { GetOptions } from '../overlay/overlay.ts';
import type { RecordDirectory, VerifiedRecord } from '../parts.ts';
import { dhtRules } from '../records/dht-rules.ts';
import { verifyIndexerRecord } from '../records/indexer-record.ts';
import { verifyPeerRecord } from '../records/peer-record.ts';
import { INDEXERS_CID } from '../records/provider-key.ts';
import { usableAddresses } from '../wire/addresses.ts';
import type { AddrInfo, IndexerRecord, PeerId, PeerRecord } from '../wire/messages.ts';
import { parseTime } from '../wire/time.ts';
import { putValue } from './dht-put.ts';

export interface DhtDirectoryParts {
  /** Indexers to refresh the routing table from, besides the seeds. */
  readonly pool: () => readonly AddrInfo[];
  /** Quarantined and blacklisted peers: never a result of `discover`. */
  readonly isAvoided: (peer: PeerId) => boolean;
}

/** Indexer records that are kept. */
const MAX_RECENT = 256;

interface Recent {
  readonly record: IndexerRecord;
  readonly until: number;
}

export class DhtDirectory implements RecordDirectory {
  readonly #context: DiscoveryContext;
  readonly #parts: DhtDirectoryParts;
  readonly #createdAt: number;
  /** The one that was read first comes first. */
  readonly #recent = new Map<PeerId, Recent>();
  readonly #reading = new Map<PeerId, Promise<IndexerRecord | undefined>>();
  #joining: Promise<void> | undefined;

  /** Registers the rules of all namespaces, so that no DHT of this package runs without them (DEF-98). */
  constructor(context: DiscoveryContext, parts: DhtDirectoryParts) {
    this.#context = context;
    this.#parts = parts;
    this.#createdAt = context.clock.monotonic();
    const { crypto, clock, constants, settings, overlay } = context;
    const rules = dhtRules({ crypto, clock, constants, didMode: settings.didMode });
    for (const [name, rule] of Object.entries(rules)) overlay.dht.namespace(name, rule);
  }

  async put(record: PeerRecord): Promise<{ readonly node: boolean; readonly pid: boolean }> {
    const [node, pid] = await Promise.all([
      putValue(this.#context, `/node/${record.did}`, record),
      putValue(this.#context, `/pid/${record.peer_id}`, record),
    ]);
    return { node, pid };
  }

  async byDid(did: string, timeoutMs: number): Promise<VerifiedRecord | undefined> {
    const verified = this.#verified(await this.#get(`/node/${did}`, timeoutMs));
    return verified?.record.did === did ? verified : undefined;
  }

  async byPeer(peer: PeerId, timeoutMs: number): Promise<VerifiedRecord | undefined> {
    const verified = this.#verified(await this.#get(`/pid/${peer}`, timeoutMs));
    return verified?.record.peer_id === peer ? verified : undefined;
  }

  async rawByDid(did: string, timeoutMs: number): Promise<unknown> {
    return await this.#get(`/node/${did}`, timeoutMs);
  }

  async indexerRecord(peer: PeerId, timeoutMs: number): Promise<IndexerRecord | undefined> {
    const recent = this.#recent.get(peer);
    if (recent !== undefined && recent.until > this.#context.clock.monotonic()) return recent.record;
    this.#recent.delete(peer);
    // Who comes while it is being read waits for the same answer, within the bound of who came first.
    let reading = this.#reading.get(peer);
    if (reading === undefined) {
      reading = this.#readIndexerRecord(peer, timeoutMs).finally(() => void this.#reading.delete(peer));
      this.#reading.set(peer, reading);
    }
    return await reading;
  }

  async discover(count: number, skip: (peer: PeerId) => boolean): Promise<readonly AddrInfo[]> {
    await this.ensureClient();
    const { clock, constants, logger, overlay, self, signal } = this.#context;
    if (!overlay.dht.isStarted || count <= 0) return [];
    const endsAt = clock.monotonic() + constants.discoverMs;
    let providers: readonly AddrInfo[];
    try {
      providers = await overlay.dht.findProviders(INDEXERS_CID, {
        timeoutMs: constants.discoverMs,
        signal,
        count: 2 * count,
      });
    } catch (error) {
      logger.debug({ error }, 'looking for providers failed');
      return [];
    }
    const seen = new Set<PeerId>([self]);
    const wanted: AddrInfo[] = [];
    for (const provider of providers) {
      if (seen.has(provider.ID) || skip(provider.ID) || this.#parts.isAvoided(provider.ID)) continue;
      seen.add(provider.ID);
      wanted.push(provider);
    }
    const resolved = await Promise.all(
      wanted.slice(0, 2 * count).map(async (provider) => await this.#resolve(provider, endsAt)),
    );
    const usable = resolved.filter((provider) => provider !== undefined);
    return await this.#ranked(usable, count);
  }

  async ensureClient(): Promise<void> {
    const { overlay, settings, signal } = this.#context;
    // An indexer's DHT is started as a server by whoever boots it; joining as a client first would lose that.
    if (overlay.dht.isStarted || settings.roles.indexer || signal.aborted) return;
    this.#joining ??= this.#join();
    await this.#joining;
  }

  async refresh(): Promise<void> {
    const { constants, overlay, settings, signal } = this.#context;
    if (!overlay.dht.isStarted) return;
    const peers = [...settings.indexerAddresses, ...this.#parts.pool()];
    await overlay.dht.bootstrap(peers, { timeoutMs: constants.dhtBootstrapMs, signal });
  }

  async #join(): Promise<void> {
    const { clock, constants, logger, overlay, settings, signal, timers } = this.#context;
    try {
      const warmup = this.#createdAt + constants.warmupMs - clock.monotonic();
      if (warmup > 0) await timers.sleep(warmup, signal);
      await overlay.dht.start(settings.dhtServer ? 'server' : 'client');
      await this.refresh();
    } catch (error) {
      if (!signal.aborted) logger.warn({ error }, 'joining the DHT failed; the next request tries again');
    } finally {
      this.#joining = undefined;
    }
  }

  /**
   * Any holder's copy will do that was made within the last period of publishing, and it is kept until a newer one can
   * exist: all twenty holders would each send a list of all nodes, at every check by every node.
   */
  async #readIndexerRecord(peer: PeerId, timeoutMs: number): Promise<IndexerRecord | undefined> {
    const { clock, constants, crypto } = this.#context;
    const value = await this.#get(`/indexer/${peer}`, timeoutMs, (bytes) => this.#isCurrent(bytes));
    if (value === undefined) return undefined;
    const now = clock.now();
    const result = verifyIndexerRecord(value, { crypto, now, constants });
    if (!result.ok) return undefined;
    const { record, expiresAt } = result.verified;
    if (record.peer_id !== peer) return undefined;
    const nextAt = expiresAt - constants.indexerRecordTtlMs + constants.indexerRecordPeriodMs;
    // An old one is kept for a moment all the same, since selection asks for those that ranking has just read.
    const keepMs = Math.min(
      Math.max(nextAt - now, constants.gateNegativeMs),
      constants.indexerRecordPeriodMs,
      expiresAt - now,
    );
    const oldest = this.#recent.keys().next().value;
    if (this.#recent.size >= MAX_RECENT && oldest !== undefined) this.#recent.delete(oldest);
    this.#recent.set(peer, { record, until: clock.monotonic() + keepMs });
    return record;
  }

  /** Whether a newer record than this valid one can hardly be found: it was made in the last period, or is being replaced. */
  #isCurrent(bytes: Uint8Array): boolean {
    const { clock, constants } = this.#context;
    const { expires_at } = JSON.parse(new TextDecoder().decode(bytes)) as IndexerRecord;
    const madeAt = (parseTime(expires_at) ?? -Infinity) - constants.indexerRecordTtlMs;
    return clock.now() - madeAt <= constants.indexerRecordPeriodMs + constants.dhtPutMs;
  }

  async #get(key: string, timeoutMs: number, isEnough?: GetOptions['isEnough']): Promise<unknown> {
    const { clock, events, logger, overlay, signal } = this.#context;
    if (!overlay.dht.isStarted) return undefined;
    const startedAt = clock.monotonic();
    let value: unknown;
    try {
      const bytes = await overlay.dht.get(key, { timeoutMs, signal, ...(isEnough && { isEnough }) });
      if (bytes !== undefined) value = JSON.parse(new TextDecoder().decode(bytes));
    } catch (error) {
      logger.debug({ key, error }, 'DHT get failed');
    }
    events.publish('dht.get', { key, found: value !== undefined, ms: clock.monotonic() - startedAt });
    return value;
  }

  #verified(value: unknown): VerifiedRecord | undefined {
    if (value === undefined) return undefined;
    const { clock, constants, crypto, settings } = this.#context;
    const result = verifyPeerRecord(value, {
      crypto,
      now: clock.now(),
      constants,
      didMode: settings.didMode,
    });
    return result.ok ? result.verified : undefined;
  }

  /** The provider with usable addresses, looked up when it came without, before `endsAt`. */
  async #resolve(provider: AddrInfo, endsAt: number): Promise<AddrInfo | undefined> {
    const { clock, overlay, settings, signal } = this.#context;
    let addresses = usableAddresses(provider.Addrs, settings);
    const timeoutMs = endsAt - clock.monotonic();
    if (provider.Addrs.length === 0 && timeoutMs > 0) {
      try {
        const found = await overlay.dht.findPeer(provider.ID, { timeoutMs, signal });
        if (found?.ID === provider.ID) addresses = usableAddresses(found.Addrs, settings);
      } catch {
        return undefined;
      }
    }
    return addresses.length === 0 ? undefined : { ID: provider.ID, Addrs: addresses };
  }

  /** Those with a valid indexer record first, each group in the order found. */
  async #ranked(candidates: readonly AddrInfo[], count: number): Promise<readonly AddrInfo[]> {
    const { constants } = this.#context;
    const records = await Promise.all(
      candidates.map(async ({ ID }) => await this.indexerRecord(ID, constants.gateLookupIndexerMs)),
    );
    const withRecord = candidates.filter((_, index) => records[index] !== undefined);
    const others = candidates.filter((_, index) => records[index] === undefined);
    return [...withRecord, ...others].slice(0, count);
  }
}
