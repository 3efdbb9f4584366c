import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MusterError, systemClock } from '@muster/core';
import { seededRandom } from '@muster/core/testing';
import { onTestFinished } from 'vitest';
import { importOriginalStore } from '../../src/index.ts';
import type { ImportOriginalStoreOptions, ImportReport } from '../../src/index.ts';
import { writeOriginalSnapshot } from '../../src/original/index.ts';
import type { OriginalStore } from '../../src/original/index.ts';

/** A moment shortly after what the golden snapshot shows. */
export const NOW_MS = Date.parse('2026-08-01T12:10:00Z');
export const nowClock = { now: () => NOW_MS, monotonic: () => systemClock.monotonic() };
/** Small tables: the default ones reserve address space for two million nodes. */
export const smallLimits = { maxNodes: 40_000, maxTombstones: 10_000 };

/** A folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-original-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Imports with a clock and a seed that never change. */
export function importInto(
  directory: string,
  options: Omit<ImportOriginalStoreOptions, 'directory'>,
): Promise<ImportReport> {
  const random = seededRandom(7);
  return importOriginalStore({ clock: nowClock, random, limits: smallLimits, ...options, directory });
}

/** Writes a file below `folder` and answers its path. */
export function fileWith(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A store of the original as the file it would be in. */
export function snapshotBytes(store: OriginalStore): Buffer {
  return Buffer.concat([...writeOriginalSnapshot(store)]);
}

export type Json = Record<string, unknown>;

export function jsonFile(path: string): Json {
  return JSON.parse(readFileSync(path, 'utf8')) as Json;
}

/** Paths of all members in which two JSON values differ. */
export function differences(left: unknown, right: unknown, path = ''): string[] {
  if (JSON.stringify(left) === JSON.stringify(right)) return [];
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return [path];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].flatMap((name) =>
    differences((left as Json)[name], (right as Json)[name], path === '' ? name : `${path}.${name}`),
  );
}

/** The code of the error that a promise rejects with. */
export async function refusal(promise: Promise<unknown>): Promise<MusterError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof MusterError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
