import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/content-key.ts';
import type { FileContentStore } from '../../src/store/file-content-store.ts';
import { digestOfFile, StoreLayout } from '../../src/store/layout.ts';
import { putObject, readObject } from '../support/store-contract.ts';
import { memoryStore } from '../support/stores.ts';
import { loadVectors } from '../support/vectors.ts';

interface Operation {
  readonly op: 'put' | 'put-corrupt' | 'open' | 'has';
  readonly name: string;
  readonly size?: number;
  readonly committed?: boolean;
}

interface Scenario {
  readonly name: string;
  readonly budget_bytes: number;
  readonly headroom_pct?: number;
  readonly threshold: number;
  readonly disk?: string;
  readonly ops: readonly Operation[];
  readonly provider_counts: Readonly<Record<string, number>>;
  readonly provider_lookup_fails_for?: readonly string[];
  readonly remaining: readonly string[];
  readonly size_bytes: number;
  readonly deferred: number;
  readonly forced_evictions: number;
  readonly tmp_files_left: number;
  readonly required_difference?: {
    readonly remaining?: readonly string[];
    readonly remaining_when_cluster_size_is_1?: readonly string[];
    readonly committed?: Readonly<Record<string, boolean>>;
  };
}

const vectors = loadVectors<{
  layout: readonly { content_text: string; digest: string; path: string }[];
  restart: {
    budget_bytes: number;
    files_oldest_first: readonly string[];
    remaining_digests: readonly string[];
    size_bytes: number;
  };
  scenarios: readonly Scenario[];
}>('store');

/** The content of an entry is its name, repeated. */
const contentOf = (name: string, size: number): string => name.repeat(size);

async function run(scenario: Scenario, clusterSize: number) {
  const { files, store } = await memoryStore({
    capacityBytes: 1_000_000,
    options: {
      budgetBytes: scenario.budget_bytes,
      headroomPercent: scenario.headroom_pct ?? 0,
      providerThreshold: scenario.threshold,
    },
  });
  const names = new Map<string, string>();
  if (Object.keys(scenario.provider_counts).length > 0) {
    store.start({
      clusterSize: () => clusterSize,
      providers: async (digest) => {
        const count = scenario.provider_counts[names.get(digest) ?? ''];
        if (count === undefined) throw new Error('the look-up failed');
        return count;
      },
    });
  }
  const committed: Record<string, boolean> = {};
  let puts = 0;
  for (const { op, name, size } of scenario.ops) {
    const content = contentOf(name, size ?? sizeOf(scenario, name));
    const digest = digestOf(content);
    names.set(digest, name);
    if (op === 'put') {
      puts += 1;
      if (scenario.disk !== undefined && puts === 3) shortenDiskOnce(files);
      committed[name] = (await putObject(store, content)).isAdmitted;
    } else if (op === 'put-corrupt') {
      committed[name] = await putObject(store, content.toUpperCase(), digest).then(
        () => true,
        () => false,
      );
    } else if (op === 'open') await readObject(store, digest);
    else await store.has(digest);
    await store.settled();
  }
  await store.close();
  return { store, files, committed, remaining: remainingOf(store, names) };
}

function sizeOf(scenario: Scenario, name: string): number {
  return scenario.ops.find((other) => other.name === name && other.size !== undefined)?.size ?? 0;
}

/** The disk is short of room at the next look after a commit, and at none after it. */
function shortenDiskOnce(files: Awaited<ReturnType<typeof memoryStore>>['files']): void {
  let isCommitted = false;
  files.beforeEach = (operation) => {
    if (operation === 'rename') isCommitted = true;
    if (operation !== 'freeBytes' || !isCommitted) return;
    files.resize(files.usedBytes);
    files.beforeEach = () => files.resize(1_000_000);
  };
}

function remainingOf(store: FileContentStore, names: ReadonlyMap<string, string>): readonly string[] {
  return [...store.inventory()].map(({ digest }) => names.get(digest) ?? digest).sort();
}

describe('scenarios of the vectors', () => {
  it.each(vectors.scenarios)('$name', async (scenario) => {
    const { store, files, committed, remaining } = await run(scenario, 100);
    const required = scenario.required_difference;
    expect(remaining).toEqual(required?.remaining ?? scenario.remaining);
    const expected = Object.fromEntries(
      scenario.ops.flatMap(({ name, committed: value }) => (value === undefined ? [] : [[name, value]])),
    ) as Record<string, boolean>;
    expect(committed).toEqual(required?.committed ?? expected);
    expect(files.paths.filter((path) => path.endsWith('.partial'))).toHaveLength(scenario.tmp_files_left);
    expect(store.stats().forcedEvictions).toBe(scenario.forced_evictions);
    if (required?.remaining !== undefined) return;
    expect(store.stats()).toMatchObject({
      usedBytes: scenario.size_bytes,
      deferredEvictions: scenario.deferred,
    });
  });

  const small = vectors.scenarios.filter(
    ({ required_difference }) => required_difference?.remaining_when_cluster_size_is_1 !== undefined,
  );

  it.each(small)('$name, in a cluster of one', async (scenario) => {
    const { remaining } = await run(scenario, 1);
    expect(remaining).toEqual(scenario.required_difference?.remaining_when_cluster_size_is_1);
  });
});

describe('layout', () => {
  it.each(vectors.layout)('of $content_text', ({ content_text, digest, path }) => {
    const layout = new StoreLayout('/cache');
    expect(digestOf(content_text)).toBe(digest);
    expect(layout.pathOf(digestOf(content_text))).toBe(join('/cache', path));
    const [shard, name] = path.split('/').slice(2) as [string, string];
    expect(digestOfFile(shard, name)).toBe(digest);
    expect(digestOfFile('zz', name)).toBeUndefined();
  });

  it('of temporary files', () => {
    const path = new StoreLayout('/cache').temporaryPath(new Uint8Array(16).fill(0xab));
    expect(path).toMatch(/^\/cache\/tmp\/[0-9a-f]{32}\.partial$/);
  });
});

describe('restart', () => {
  it('keeps what is newest, and deletes what is foreign or unfinished', async () => {
    const { restart } = vectors;
    const { files, clock } = await memoryStore();
    const layout = new StoreLayout('/cache');
    for (const [index, content] of restart.files_oldest_first.entries()) {
      files.put(layout.pathOf(digestOf(content)), Buffer.from(content), 1_000 * index);
    }
    files.put('/cache/blobs/sha256/zz/garbage', Buffer.from('x'));
    files.put('/cache/blobs/sha256/README', Buffer.from('x'));
    files.put(layout.pathOf(digestOf('lost its bytes')), new Uint8Array(0));
    files.put('/cache/tmp/0123.partial', Buffer.from('x'));
    files.crash();
    const { store } = await memoryStore({ files, clock, options: { budgetBytes: restart.budget_bytes } });
    expect([...store.inventory()].map(({ digest }) => digest)).toEqual(restart.remaining_digests);
    expect(store.stats().usedBytes).toBe(restart.size_bytes);
    expect(files.paths).toHaveLength(1);
  });
});
