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

/** What writing a snapshot did to the event loop. */
export interface SnapshotRun {
  readonly durationMs: number;
  readonly bytes: number;
  /** Longest time between two ticks of a timer of a millisecond. */
  readonly stallMs: number;
  /** Most processor time that the loop's thread used between two ticks: a stall without the machine's other work. */
  readonly stallCpuMs: number;
}

async function snapshot(): Promise<SnapshotRun> {
  const { store } = running();
  const ticks = watchLoop();
  await pause(20);
  ticks.reset();
  const startedAt = performance.now();
  const info = await store?.writeSnapshot();
  const durationMs = performance.now() - startedAt;
  await pause(20);
  return { durationMs, bytes: info?.bytes ?? 0, ...ticks.stop() };
}

function watchLoop(): {
  reset(): void;
  stop(): { readonly stallMs: number; readonly stallCpuMs: number };
} {
  let stallMs = 0;
  let stallCpuMs = 0;
  let lastAt = performance.now();
  let lastCpu = process.threadCpuUsage();
  const timer = setInterval(() => {
    const now = performance.now();
    const used = process.threadCpuUsage(lastCpu);
    stallMs = Math.max(stallMs, now - lastAt);
    stallCpuMs = Math.max(stallCpuMs, (used.user + used.system) / 1000);
    lastAt = now;
    lastCpu = process.threadCpuUsage();
  }, 1);
  return {
    reset: () => {
      stallMs = 0;
      stallCpuMs = 0;
    },
    stop: () => {
      clearInterval(timer);
      return { stallMs, stallCpuMs };
    },
  };
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
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
