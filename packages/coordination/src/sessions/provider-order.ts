/** In which order providers are asked (coordination spec 14.6). */

import type { Random } from '@muster/core';
import type { Provider } from '../types.ts';

const FAILURE_MEMORY_MS = 300_000;
const MAX_PROVIDERS = 4096;
/** Weight of the newest time to first byte. */
const SMOOTHING = 0.3;

interface Record {
  failedAt: number | undefined;
  transfers: number;
  firstByteMs: number | undefined;
}

/** What this node remembers of providers, by transfer address. Times are monotonic milliseconds. */
export class ProviderOrder {
  readonly #records = new Map<string, Record>();

  get size(): number {
    return this.#records.size;
  }

  /**
   * Best first: those that did not fail lately, of the own zone, with few transfers from here, quick to answer; the rest is left to
   * chance, so that nodes do not all fall upon the same one.
   */
  sort(
    providers: readonly Provider[],
    context: {
      readonly now: number;
      readonly random: Pick<Random, 'integer'>;
      readonly isNear: (provider: Provider) => boolean;
    },
  ): readonly Provider[] {
    return shuffled(providers, context.random)
      .map((provider) => ({ provider, key: this.#key(provider, context.now, context.isNear(provider)) }))
      .sort((a, b) => compareKeys(a.key, b.key))
      .map(({ provider }) => provider);
  }

  begin(provider: Provider): void {
    this.#record(provider).transfers += 1;
  }

  end(provider: Provider): void {
    const record = this.#records.get(provider.addr);
    if (record !== undefined) record.transfers = Math.max(0, record.transfers - 1);
  }

  failed(provider: Provider, now: number): void {
    this.#record(provider).failedAt = now;
  }

  /** The first byte came after so long. */
  answered(provider: Provider, firstByteMs: number): void {
    const record = this.#record(provider);
    const before = record.firstByteMs ?? firstByteMs;
    record.firstByteMs = before + SMOOTHING * (firstByteMs - before);
  }

  #key(provider: Provider, now: number, isNear: boolean): readonly number[] {
    const record = this.#records.get(provider.addr);
    const hasFailed = record?.failedAt !== undefined && now - record.failedAt < FAILURE_MEMORY_MS;
    return [hasFailed ? 1 : 0, isNear ? 0 : 1, record?.transfers ?? 0, swiftness(record?.firstByteMs)];
  }

  #record(provider: Provider): Record {
    const present = this.#records.get(provider.addr);
    const record = present ?? { failedAt: undefined, transfers: 0, firstByteMs: undefined };
    this.#records.delete(provider.addr);
    if (this.#records.size >= MAX_PROVIDERS) this.#forgetOne();
    this.#records.set(provider.addr, record);
    return record;
  }

  #forgetOne(): void {
    for (const [addr, { transfers }] of this.#records) {
      if (transfers > 0) continue;
      this.#records.delete(addr);
      return;
    }
    const oldest = this.#records.keys().next();
    if (oldest.done !== true) this.#records.delete(oldest.value);
  }
}

/** Times within a factor of two count as equal: a precise order would send everybody to the same node. */
function swiftness(firstByteMs: number | undefined): number {
  return firstByteMs === undefined ? 0 : Math.max(0, Math.floor(Math.log2(Math.max(1, firstByteMs) / 10)));
}

function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function shuffled<T>(items: readonly T[], random: Pick<Random, 'integer'>): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}
