import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Registry, type RegistryTopics } from '@muster/registry';
import type { BenchmarkContext } from '../harness/benchmark.ts';

type RegistryEvent = RegistryTopics['registry.events']['events'][number];

const PEERS = 10_000;
const CHANGES_PER_SECOND = 1_000;
const STEP_MS = 50;
const WARM_UP_MS = 2_000;
const ADMIN_TOKEN = 'benchmark';
/** Clock ticks a second in which Linux counts processor time. */
const TICKS = 100;
const PROGRAM = join(import.meta.dirname, '../../packages/muster/bin/muster.mjs');

/** The page server's figures; what the ids mean is in README.md. */
export async function benchmark(context: BenchmarkContext): Promise<void> {
  const seconds = context.quick ? 5 : 20;
  const local = { host: '127.0.0.1', port: 0 };
  const registry = await Registry.start({ listen: local, http: local, adminToken: ADMIN_TOKEN });
  let server: ChildProcess | undefined;
  try {
    fill(registry);
    const started = await startServer(registry);
    server = started.server;
    const bytes = await snapshotBytes(started.page);
    if (context.wants('snapshot')) {
      context.report({ id: 'snapshot.bytes', value: bytes, unit: 'B', note: `${PEERS} peers` });
    }
    for (const readers of [0, 1, 10]) {
      const id = `changes.readers-${readers}`;
      if (!context.wants(id)) continue;
      context.progress(`${CHANGES_PER_SECOND} changes a second, ${readers} readers`);
      const measured = await measure({ registry, server, page: started.page, readers, seconds });
      const how = `${PEERS} peers, ${Math.round(measured.changesPerSecond)} changes a second for ${seconds} s`;
      const { share, registryShare, bytesPerSecond } = measured;
      context.report({ id: `${id}.processor`, value: share * 100, unit: '% of one', note: how });
      context.report({ id: `${id}.registry`, value: registryShare * 100, unit: '% of one', note: how });
      if (readers === 0) continue;
      context.report({
        id: `${id}.bytes`,
        value: bytesPerSecond,
        unit: 'B/s',
        note: `to each reader; ${how}`,
      });
    }
  } finally {
    server?.kill();
    await registry.stop();
  }
}

interface Setting {
  readonly registry: Registry;
  readonly server: ChildProcess;
  readonly page: string;
  readonly readers: number;
  readonly seconds: number;
}

async function measure({ registry, server, page, readers, seconds }: Setting) {
  const child = readers === 0 ? undefined : await openReaders(page, readers);
  try {
    await change(registry, WARM_UP_MS);
    const bytesBefore = await bytesOf(child);
    const before = await processorMs(server);
    const own = process.threadCpuUsage();
    const startedAt = performance.now();
    const changes = await change(registry, seconds * 1_000);
    const elapsed = performance.now() - startedAt;
    const ownUsed = process.threadCpuUsage(own);
    const used = (await processorMs(server)) - before;
    return {
      share: used / elapsed,
      registryShare: (ownUsed.user + ownUsed.system) / 1_000 / elapsed,
      bytesPerSecond: (((await bytesOf(child)) - bytesBefore) / Math.max(1, readers) / elapsed) * 1_000,
      changesPerSecond: (changes / elapsed) * 1_000,
    };
  } finally {
    child?.disconnect();
  }
}

/** Registers nodes without asking for their signatures. */
function fill({ engine }: Registry): void {
  const at = Math.floor(Date.now() / 1_000);
  const events = Array.from({ length: PEERS }, (_, index): RegistryEvent => ({
    type: 'node.registered',
    id: index + 1,
    key: createHash('sha256').update(`node ${index}`).digest('base64'),
    at,
    hostname: `node-${index}`,
    realAddr: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:4001`,
  }));
  engine?.commit(events);
}

/** Changes tags of nodes at their times; answers how many. */
async function change({ engine }: Registry, ms: number): Promise<number> {
  const startedAt = performance.now();
  let done = 0;
  for (;;) {
    const elapsed = performance.now() - startedAt;
    if (elapsed >= ms) return done;
    const due = Math.floor((elapsed / 1_000) * CHANGES_PER_SECOND);
    const events = Array.from({ length: due - done }, (_, index): RegistryEvent => {
      const number = done + index;
      const tags = ['node', 'zone-1', `change-${Math.round(startedAt)}-${number}`];
      return { type: 'node.tags', id: 1 + (number % PEERS), tags };
    });
    if (events.length > 0) engine?.commit(events);
    done = due;
    await delay(STEP_MS);
  }
}

async function startServer({
  httpPort,
}: Registry): Promise<{ readonly server: ChildProcess; readonly page: string }> {
  const flags = ['--registry-http', `127.0.0.1:${httpPort}`, '--port', '0', '--json'];
  const server = spawn(process.execPath, [PROGRAM, 'page', 'serve', ...flags], {
    env: { ...process.env, MUSTER_ADMIN_TOKEN: ADMIN_TOKEN },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  return { server, page: (JSON.parse(line.toString()) as { readonly page: string }).page };
}

/** Size of a snapshot, once all peers are in it. */
async function snapshotBytes(page: string): Promise<number> {
  for (;;) {
    const text = await (await fetch(`${page}api/fleet`)).text();
    if ((JSON.parse(text) as { readonly peers: readonly unknown[] }).peers.length > PEERS) return text.length;
    await delay(STEP_MS);
  }
}

/** Processor time of a process so far, in milliseconds. */
async function processorMs({ pid }: ChildProcess): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS) * 1_000;
}

async function openReaders(page: string, readers: number): Promise<ChildProcess> {
  const program = join(import.meta.dirname, 'reader.ts');
  const child = fork(program, [new URL(page).host, String(readers)], { stdio: 'inherit' });
  await once(child, 'message');
  return child;
}

async function bytesOf(child: ChildProcess | undefined): Promise<number> {
  if (child === undefined) return 0;
  const answer = once(child, 'message');
  child.send('bytes');
  const [message] = (await answer) as [{ readonly bytes: number }];
  return message.bytes;
}
