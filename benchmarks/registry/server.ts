import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Registry, type RegistryOptions } from '@muster/registry';
import { serveTasks } from '../harness/child.ts';

/** How the registry under test is started: everything else is as it comes. */
export type ServerPlan = Pick<RegistryOptions, 'directory' | 'durability' | 'adminToken'>;

/** What the process says when it is ready. */
export interface ServerReady {
  readonly port: number;
  readonly nodes: number;
  /** Milliseconds from the start of the process. */
  readonly sinceProcessStartMs: number;
  /** Milliseconds of `Registry.start`. */
  readonly startMs: number;
}

let registry: Registry | undefined;
const delay = monitorEventLoopDelay({ resolution: 1 });

function running(): Registry {
  if (registry === undefined) throw new Error('the registry has not been started');
  return registry;
}

async function start(plan: ServerPlan): Promise<ServerReady> {
  const startedAt = performance.now();
  registry = await Registry.start({
    ...plan,
    listen: { host: '127.0.0.1', port: 0 },
    onFatal: (error) => {
      process.stderr.write(`${error.stack}\n`);
      process.exit(1);
    },
  });
  return {
    port: registry.port,
    nodes: registry.directory?.nodes.liveCount ?? 0,
    sinceProcessStartMs: performance.now(),
    startMs: performance.now() - startedAt,
  };
}

/** Bytes in use after a full collection. */
function heapBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Writes a snapshot; milliseconds it took and the longest time that the loop was held meanwhile. */
async function snapshot(): Promise<{
  readonly durationMs: number;
  readonly stallMs: number;
  readonly bytes: number;
}> {
  const { store } = running();
  await new Promise((resolve) => setTimeout(resolve, 20));
  delay.enable();
  await new Promise((resolve) => setTimeout(resolve, 20));
  delay.reset();
  const startedAt = performance.now();
  const info = await store?.writeSnapshot();
  const durationMs = performance.now() - startedAt;
  await new Promise((resolve) => setTimeout(resolve, 20));
  delay.disable();
  return { durationMs, stallMs: delay.max / 1e6, bytes: info?.bytes ?? 0 };
}

serveTasks(
  {
    start,
    heapBytes,
    snapshot,
    liveNodes: () => running().directory?.nodes.liveCount ?? 0,
    connections: () => running().sessions?.sessionCount ?? 0,
    writeLastSeen: () => running().store?.writeLastSeen(),
  },
  () => registry?.stop(),
);
