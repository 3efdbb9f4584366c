/**
 * What may lie in the DHT under our keys, and which of several values counts (discovery spec 10.2).
 *
 * Fault model: anyone with the pre-shared key may put anything, and a query brings back what strangers chose to answer.
 * Nothing here throws, whatever the bytes; a value that is not valid now is never selected. In `stored` mode the first
 * key seen with a DID keeps it; when the table of those is full, it keeps what it has, so that a flood of new DIDs
 * cannot push out an old one.
 */

import type { Clock } from '@muster/core';
import type { DiscoveryConstants } from '../constants.ts';
import type { DhtNamespace } from '../overlay/overlay.ts';
import type { DidMode } from '../settings.ts';
import { FRAME_LIMITS } from '../wire/protocols.ts';
import { verifyIndexerRecord } from './indexer-record.ts';
import { verifyPeerRecord } from './peer-record.ts';
import type { RecordCrypto } from './record-crypto.ts';

const MAX_PINS = 20_000;

/** How one value ranks among the valid ones. */
interface Rank {
  readonly expiresAt: number;
  readonly signature: string;
}

/** The rules of our namespaces, to be registered with {@link DhtNamespace}. Keys are whole: `/node/<did>`. */
export function dhtRules(options: {
  readonly crypto: RecordCrypto;
  readonly clock: Clock;
  readonly constants: DiscoveryConstants;
  readonly didMode: DidMode;
}): Readonly<Record<'node' | 'pid' | 'name' | 'indexer', DhtNamespace>> {
  const { crypto, clock, constants, didMode } = options;
  const pins = new FirstSeenKeys(constants.identityPinMs);
  const peerRecordIn = (value: Uint8Array) => {
    const check = verifyPeerRecord(parse(value, FRAME_LIMITS.peerRecord), {
      crypto,
      now: clock.now(),
      constants,
      didMode,
    });
    return check.ok ? check.verified : undefined;
  };
  return {
    node: namespace('/node/', (suffix, value) => {
      const verified = peerRecordIn(value);
      if (verified === undefined || verified.record.did !== suffix) return undefined;
      const { did, pub_key, signature } = verified.record;
      if (didMode === 'stored' && !pins.admits(did, pub_key, clock.monotonic())) return undefined;
      return { expiresAt: verified.expiresAt, signature };
    }),
    pid: namespace('/pid/', (suffix, value) => {
      const verified = peerRecordIn(value);
      if (verified === undefined || verified.record.peer_id !== suffix) return undefined;
      return { expiresAt: verified.expiresAt, signature: verified.record.signature };
    }),
    // Reserved: nothing is ever valid there (F:40).
    name: namespace('/name/', () => undefined),
    indexer: namespace('/indexer/', (suffix, value) => {
      const json = parse(value, FRAME_LIMITS.indexerRecord);
      const check = verifyIndexerRecord(json, { crypto, now: clock.now(), constants });
      if (!check.ok || check.verified.record.peer_id !== suffix) return undefined;
      return { expiresAt: check.verified.expiresAt, signature: check.verified.record.sig };
    }),
  };
}

/** `rankOf` gives undefined for what is not valid under the key. */
function namespace(
  prefix: string,
  rankOf: (suffix: string, value: Uint8Array) => Rank | undefined,
): DhtNamespace {
  const rank = (key: string, value: Uint8Array): Rank | undefined =>
    key.startsWith(prefix) ? rankOf(key.slice(prefix.length), value) : undefined;
  return {
    validate: (key, value) => rank(key, value) !== undefined,
    select: (key, values) => {
      let best = -1;
      let bestRank: Rank | undefined;
      for (const [index, value] of values.entries()) {
        const candidate = rank(key, value);
        if (candidate === undefined || (bestRank !== undefined && !isBetter(candidate, bestRank))) continue;
        best = index;
        bestRank = candidate;
      }
      return best;
    },
  };
}

function isBetter(a: Rank, b: Rank): boolean {
  if (a.expiresAt !== b.expiresAt) return a.expiresAt > b.expiresAt;
  return a.signature < b.signature;
}

function parse(value: Uint8Array, maxBytes: number): unknown {
  if (value.length > maxBytes) return undefined;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value)) as unknown;
  } catch {
    return undefined;
  }
}

/** DIDs and the key that was first seen with each, until it has not been seen for `keepMs`. */
class FirstSeenKeys {
  readonly #keepMs: number;
  /** The one that was not seen for longest comes first. */
  readonly #pins = new Map<string, { readonly key: string; readonly seenAt: number }>();

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  admits(did: string, key: string, now: number): boolean {
    for (const [oldest, { seenAt }] of this.#pins) {
      if (now - seenAt <= this.#keepMs) break;
      this.#pins.delete(oldest);
    }
    const pin = this.#pins.get(did);
    if (pin !== undefined && pin.key !== key) return false;
    if (pin === undefined && this.#pins.size >= MAX_PINS) return true;
    this.#pins.delete(did);
    this.#pins.set(did, { key, seenAt: now });
    return true;
  }
}
