/**
 * The nodes that have designated this indexer as their referent (discovery spec 16.1): what a search by others finds
 * here. Holds verified records only (DEF-58); the heartbeat server adds and removes, since an entry lives no longer
 * than the node's heartbeat record.
 */

import type { Referenced } from '../parts.ts';
import { parseTime } from '../wire/time.ts';
import type { PeerId, PeerRecord, SearchHit } from '../wire/messages.ts';
import { matches, type SearchCriteria } from './criteria.ts';

export type ReferencedHit = SearchHit & { readonly record: PeerRecord };

export interface ReferencedTableOptions {
  /** `MAX_NODES`: a full table takes no new node. */
  readonly maxEntries: number;
  /** A node came, or left. */
  readonly onChange?: (peer: PeerId, isReferenced: boolean) => void;
}

interface Entry {
  readonly hit: ReferencedHit;
  readonly expiresAt: number;
}

export class ReferencedTable implements Referenced {
  readonly #options: ReferencedTableOptions;
  readonly #entries = new Map<PeerId, Entry>();

  constructor(options: ReferencedTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(peer: PeerId): boolean {
    return this.#entries.has(peer);
  }

  /** Adds or renews; what does not stand in the record itself is not kept. */
  set(peer: PeerId, hit: ReferencedHit): void {
    const { record } = hit;
    const expiresAt = parseTime(record.expiry_date);
    if (record.peer_id !== peer || expiresAt === undefined) return;
    const isNew = !this.#entries.has(peer);
    if (isNew && this.#entries.size >= this.#options.maxEntries) return;
    this.#entries.set(peer, {
      hit: { peer_id: peer, did: record.did, name: record.name, record },
      expiresAt,
    });
    if (isNew) this.#options.onChange?.(peer, true);
  }

  delete(peer: PeerId): void {
    if (this.#entries.delete(peer)) this.#options.onChange?.(peer, false);
  }

  /** Up to `limit` nodes that fit and whose record has not expired at `now` (milliseconds since the epoch). */
  match(criteria: SearchCriteria, now: number, limit: number): readonly ReferencedHit[] {
    const found: ReferencedHit[] = [];
    for (const { hit, expiresAt } of this.#candidates(criteria)) {
      if (found.length >= limit) break;
      if (expiresAt > now && matches(criteria, hit)) found.push(hit);
    }
    return found;
  }

  /** An exact peer id alone needs no scan. */
  #candidates(criteria: SearchCriteria): Iterable<Entry> {
    const { peer_id, did, name } = criteria;
    if (peer_id === undefined || (did ?? '') !== '' || (name ?? '') !== '') return this.#entries.values();
    const entry = this.#entries.get(peer_id);
    return entry === undefined ? [] : [entry];
  }
}
