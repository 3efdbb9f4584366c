import { createHash } from 'node:crypto';
import { EventBus, silentLogger, systemClock, systemTimers, type Timers } from '@muster/core';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { DownloadRegistry } from '../../src/downloads/download-registry.ts';
import type { CoordinationEvents } from '../../src/events.ts';
import { InFlightMap } from '../../src/inflight/in-flight-map.ts';
import { DEFAULT_COORDINATION_SETTINGS, type CoordinationSettings } from '../../src/settings.ts';
import type { FileContentStore } from '../../src/store/file-content-store.ts';
import { openMemoryStore } from '../../src/store/memory-store.ts';
import type { Digest, ClusterNode } from '../../src/types.ts';
import { TestMembers } from './cascade-harness.ts';

/** Bytes that differ everywhere, and their digest. */
export function content(size: number, seed = 1): { readonly bytes: Buffer; readonly digest: Digest } {
  const bytes = Buffer.from(seededRandom(seed).bytes(size));
  return { bytes, digest: digestOf(bytes) };
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export interface NodeParts {
  readonly clock: typeof systemClock;
  readonly timers: Timers;
  readonly store: FileContentStore;
  readonly downloads: DownloadRegistry;
  readonly inflight: InFlightMap;
  readonly members: TestMembers;
  readonly events: EventBus<CoordinationEvents>;
  readonly published: { topic: string; payload: unknown }[];
  readonly settings: CoordinationSettings;
}

/** What a node of the tests has in common: a store in memory, downloads, members. Clock and timers are real. */
export async function testNode(
  options: {
    readonly self?: string;
    readonly nodes?: readonly ClusterNode[];
    readonly settings?: Partial<CoordinationSettings>;
    readonly budgetBytes?: number;
  } = {},
): Promise<NodeParts> {
  const events = new EventBus<CoordinationEvents>({
    onListenerError: (error) => {
      throw error;
    },
  });
  const published: { topic: string; payload: unknown }[] = [];
  events.on('*', (event) => published.push(event));
  const settings = { ...DEFAULT_COORDINATION_SETTINGS, ...options.settings };
  const store = await openMemoryStore({
    clock: new ManualClock(),
    timers: new ManualClock(),
    random: seededRandom(7),
    logger: silentLogger,
    options: {
      budgetBytes: options.budgetBytes ?? 4_000_000_000,
      headroomPercent: 5,
      providerThreshold: 3,
      verifyOnStart: 'off',
    },
  });
  const downloads = new DownloadRegistry({ store, timers: systemTimers, options: settings });
  return {
    clock: systemClock,
    timers: systemTimers,
    store,
    downloads,
    inflight: new InFlightMap(),
    members: new TestMembers(options.self ?? 'n0', options.nodes ?? []),
    events,
    published,
    settings,
  };
}

export async function put(node: Pick<NodeParts, 'store'>, bytes: Uint8Array): Promise<Digest> {
  const digest = digestOf(bytes);
  const writer = await node.store.writer(digest, { size: bytes.length });
  await writer.write(bytes);
  await writer.commit();
  return digest;
}

export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Payloads of a topic. */
export function published<Topic extends keyof CoordinationEvents>(
  node: Pick<NodeParts, 'published'>,
  topic: Topic,
): readonly CoordinationEvents[Topic][] {
  return node.published
    .filter((event) => event.topic === topic)
    .map((event) => event.payload as CoordinationEvents[Topic]);
}
