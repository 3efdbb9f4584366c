import { parseTime } from '../wire/time.ts';
import type { WitnessReport } from '../wire/messages.ts';

/** What an indexer has told us in one answer. */
export interface Reading {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly fillRate: number;
  readonly peerCount: number;
  readonly maxNodes: number;
  /** Milliseconds since the epoch; undefined if it said none. */
  readonly bornAt: number | undefined;
}

/** Readings kept of one indexer: at a tick of 20 s, the last two minutes. */
const READINGS_KEPT = 6;
/** A witness's fill rate may differ from ours by less than this (13.6). */
const FILL_TOLERANCE = 0.25;

/**
 * The newest answers of one indexer. A witness saw it some seconds before or after we did, so its report is compared
 * with all of them: a fill rate that really moves, or a restart, passes between two of our readings, while an indexer
 * that tells us something else than others tells us the same all the time.
 */
export class Readings {
  #readings: readonly Reading[] = [];

  add(reading: Reading): void {
    this.#readings = [...this.#readings.slice(1 - READINGS_KEPT), reading];
  }

  get newest(): Reading | undefined {
    return this.#readings.at(-1);
  }

  get oldest(): Reading | undefined {
    return this.#readings[0];
  }

  hasBornAt(bornAt: number): boolean {
    return this.#readings.some((reading) => reading.bornAt === bornAt);
  }

  /** Distance of a fill rate from the range of ours. */
  fillDistance(fillRate: number): number {
    return distance(
      fillRate,
      this.#readings.map((reading) => reading.fillRate),
    );
  }

  /** Distance of a number of peers from the range of ours. */
  peersDistance(peers: number): number {
    return distance(
      peers,
      this.#readings.map(({ peerCount }) => peerCount),
    );
  }

  get mostPeers(): number {
    return Math.max(0, ...this.#readings.map(({ peerCount }) => peerCount));
  }
}

function distance(value: number, range: readonly number[]): number {
  return Math.max(0, Math.min(...range) - value, value - Math.max(...range));
}

export type WitnessVerdict =
  | { readonly verdict: 'inconclusive' }
  | { readonly verdict: 'consistent'; readonly isBornAtEqual: true }
  | { readonly verdict: 'inconsistent'; readonly isBornAtEqual: boolean };

/** What a witness's report says of an indexer (13.6). No report, or one of somebody who knows nothing, says nothing. */
export function witnessVerdict(report: WitnessReport | undefined, readings: Readings): WitnessVerdict {
  const bornAt = parseTime(report?.born_at);
  if (report === undefined || !report.seen || bornAt === undefined || readings.newest === undefined) {
    return { verdict: 'inconclusive' };
  }
  const isBornAtEqual = readings.hasBornAt(bornAt);
  const isFillNear =
    report.fill_rate === undefined || readings.fillDistance(report.fill_rate) < FILL_TOLERANCE;
  if (isBornAtEqual && isFillNear) return { verdict: 'consistent', isBornAtEqual };
  return { verdict: 'inconsistent', isBornAtEqual };
}

/** Peers from which on an indexer should have witnesses to offer, and how often in a row it may offer none. */
const PEERS_WITH_WITNESSES = 5;
const SILENT_ANSWERS = 3;

/**
 * Verdict when an indexer offered no witness (13.6). With at most one peer, which is us, its fill rate must be that of
 * one slot; with five or more, three answers in a row without a witness count against it.
 *
 * @param silentAnswers answers in a row, this one included, with five peers or more and no witness
 */
export function noWitnessVerdict(reading: Reading, silentAnswers: number): boolean | undefined {
  if (reading.maxNodes <= 0) return undefined;
  if (reading.peerCount <= 1) {
    return Math.abs(reading.fillRate - 1 / reading.maxNodes) < 0.5 / reading.maxNodes;
  }
  if (reading.peerCount >= PEERS_WITH_WITNESSES && silentAnswers >= SILENT_ANSWERS) return false;
  return undefined;
}

/** Whether this answer counts towards the silent ones of {@link noWitnessVerdict}. */
export function lacksWitnesses(reading: Reading, witnessesOffered: number): boolean {
  return witnessesOffered === 0 && reading.maxNodes > 0 && reading.peerCount >= PEERS_WITH_WITNESSES;
}
