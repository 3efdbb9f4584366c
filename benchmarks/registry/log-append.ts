import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileStorage, systemClock, systemRandom, systemTimers } from '@muster/core';
import { openLog } from '@muster/registry';
import type { Log } from '@muster/registry';

/** What `measureLogAppend` found. */
export interface AppendMeasurement {
  /** Records of 200 bytes that were durable (written and synced), per second. */
  readonly eventsPerSecond: number;
  /** Syncs of the log per second meanwhile. */
  readonly logSyncsPerSecond: number;
  /** A loop of write and fdatasync, one after the other, on the same disk. */
  readonly fdatasyncsPerSecond: number;
  readonly note: string;
}

/** What `measureWriteLatency` found, in microseconds. */
export interface LatencyMeasurement {
  /** From `append` to durable, with one writer. */
  readonly medianUs: number;
  readonly p99Us: number;
  /** A write and an fdatasync of as many bytes to a preallocated file. */
  readonly rawMedianUs: number;
  readonly rawP99Us: number;
  readonly ratio: number;
  readonly note: string;
}

/** What `measureLoad` found. */
export interface LoadMeasurement {
  readonly snapshotBytes: number;
  readonly snapshotMs: number;
  readonly records: number;
  readonly logMs: number;
  /** The longest time that the loop could not run anything else while the snapshot was written. */
  readonly longestStallMs: number;
  readonly note: string;
}

const PAYLOAD_BYTES = 200;
const WRITERS = 1000;
const BLOCK_BYTES = 256 * 1024;

async function openAt(directory: string): Promise<{ log: Log; snapshotMs: number; logMs: number }> {
  const { log, report } = await openLog(
    {
      storage: fileStorage,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      directory,
      onFatal: (error) => {
        throw error;
      },
    },
    { snapshotBlock: () => undefined, record: () => undefined },
  );
  return { log, snapshotMs: report.snapshotMs, logMs: report.logMs };
}

async function withLog<T>(directory: string, use: (log: Log) => Promise<T>): Promise<T> {
  const path = join(directory, 'log-append');
  await rm(path, { recursive: true, force: true });
  const { log } = await openAt(path);
  try {
    return await use(log);
  } finally {
    await log.close();
    await rm(path, { recursive: true, force: true });
  }
}

/** Writes and syncs one after the other for a while; returns how long each took, in milliseconds, in order of length. */
async function rawWrites(directory: string, seconds: number): Promise<number[]> {
  const path = join(directory, 'raw-append');
  const file = await open(path, 'w');
  const times: number[] = [];
  try {
    await file.write(Buffer.alloc(4 * 1024 * 1024));
    await file.sync();
    const payload = Buffer.alloc(PAYLOAD_BYTES + 56, 1);
    const end = performance.now() + seconds * 1000;
    for (
      let at = 0;
      performance.now() < end;
      at = (at + payload.length) % (4 * 1024 * 1024 - payload.length)
    ) {
      const start = performance.now();
      await file.write(payload, 0, payload.length, at);
      await file.datasync();
      times.push(performance.now() - start);
    }
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
  return times.sort((a, b) => a - b);
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** How many records per second the log makes durable when 1,000 writers each wait for their record before the next. */
export async function measureLogAppend(options: {
  readonly directory: string;
  readonly seconds: number;
}): Promise<AppendMeasurement> {
  const { directory, seconds } = options;
  const raw = await rawWrites(directory, Math.min(seconds, 2));
  return withLog(directory, async (log) => {
    const payload = Buffer.alloc(PAYLOAD_BYTES, 7);
    const start = performance.now();
    const end = start + seconds * 1000;
    await Promise.all(
      Array.from({ length: WRITERS }, async () => {
        while (performance.now() < end) await log.whenDurable(log.appendOne(1, payload));
      }),
    );
    const elapsed = (performance.now() - start) / 1000;
    const { durableSeq, syncs } = log.stats();
    return {
      eventsPerSecond: Math.round(durableSeq / elapsed),
      logSyncsPerSecond: Math.round(syncs / elapsed),
      fdatasyncsPerSecond: Math.round(raw.length / Math.min(seconds, 2)),
      note: `${PAYLOAD_BYTES}-byte records, ${WRITERS} writers that each wait for their own, batch durability`,
    };
  });
}

/** How long a single writer waits for one record, beside the same disk without the log. */
export async function measureWriteLatency(options: {
  readonly directory: string;
  readonly seconds: number;
}): Promise<LatencyMeasurement> {
  const { directory, seconds } = options;
  const raw = await rawWrites(directory, seconds);
  return withLog(directory, async (log) => {
    const payload = Buffer.alloc(PAYLOAD_BYTES, 7);
    const times: number[] = [];
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      const start = performance.now();
      await log.whenDurable(log.appendOne(1, payload));
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    const us = (ms: number): number => Math.round(ms * 1000);
    return {
      medianUs: us(quantile(times, 0.5)),
      p99Us: us(quantile(times, 0.99)),
      rawMedianUs: us(quantile(raw, 0.5)),
      rawP99Us: us(quantile(raw, 0.99)),
      ratio: Number((quantile(times, 0.5) / quantile(raw, 0.5)).toFixed(2)),
      note: 'one writer, 200-byte records; raw is write and fdatasync on a preallocated file',
    };
  });
}

/** How long a store of a 250 MB snapshot and 100,000 records takes to load, and how much writing it holds up the loop. */
export async function measureLoad(options: { readonly directory: string }): Promise<LoadMeasurement> {
  const path = join(options.directory, 'log-load');
  await rm(path, { recursive: true, force: true });
  const { log } = await openAt(path);
  const block = Buffer.alloc(BLOCK_BYTES, 5);
  function* blocks(): Generator<{ kind: number; bytes: Uint8Array }> {
    for (let i = 0; i < 1000; i++) yield { kind: 1, bytes: block };
  }
  let longestStallMs = 0;
  let last = performance.now();
  const probe = setInterval(() => {
    const now = performance.now();
    longestStallMs = Math.max(longestStallMs, now - last - 1);
    last = now;
  }, 1);
  await log.whenDurable(log.appendOne(1, Buffer.alloc(PAYLOAD_BYTES)));
  const snapshot = await log.writeSnapshot({ seq: 1, blocks: blocks() });
  clearInterval(probe);
  const records = 100_000;
  for (let i = 0; i < records; i++) log.appendOne(1, Buffer.alloc(PAYLOAD_BYTES));
  await log.close();
  const loaded = await openAt(path);
  await loaded.log.close();
  await rm(path, { recursive: true, force: true });
  return {
    snapshotBytes: snapshot.bytes,
    snapshotMs: Math.round(loaded.snapshotMs),
    records,
    logMs: Math.round(loaded.logMs),
    longestStallMs: Number(longestStallMs.toFixed(1)),
    note: 'read from the page cache; the caller does nothing with what it is handed',
  };
}
