import type { Socket } from 'node:net';
import { serveTasks } from '../harness/child.ts';
import { HeartbeatProbe, openIdle } from './load/connections.ts';
import { FramePool, type FrameRun } from './load/frame-pool.ts';
import { type FrameKind, makePieces, REPLY_LENGTH, REQUEST_LENGTH, REQUEST_OPCODE } from './load/frames.ts';
import { runLists } from './load/lists.ts';
import {
  makeRegistrations,
  registerPopulation,
  type RegistrationRun,
  runRegistrations,
} from './load/registrations.ts';

const REPLY_BIT = 0x80;

/** Connections to open: to the registry, or to the echo server with the same frames. */
export interface PoolPlan {
  readonly name: string;
  readonly port: number;
  readonly target: 'registry' | 'echo';
  readonly kind: FrameKind;
  readonly connections: number;
  readonly depth: number;
  readonly nodes: number;
  /** Resolves that each connection has, when none is to be sent twice. */
  readonly frames?: number;
}

const pools = new Map<string, FramePool>();
let registrations: readonly Buffer[] = [];
let idle: readonly Socket[] = [];
let probe: HeartbeatProbe | undefined;

async function openPool(plan: PoolPlan): Promise<void> {
  const { kind, port, depth } = plan;
  const isEcho = plan.target === 'echo';
  const pool = await FramePool.open({
    port,
    preamble: !isEcho,
    depth,
    pieces: makePieces(kind, plan),
    replyOpcode: isEcho ? REQUEST_OPCODE[kind] : REQUEST_OPCODE[kind] | REPLY_BIT,
    replyLength: isEcho ? { exactly: REQUEST_LENGTH[kind] } : REPLY_LENGTH[kind],
  });
  pools.set(plan.name, pool);
}

function poolOf(name: string): FramePool {
  const pool = pools.get(name);
  if (pool === undefined) throw new Error(`no pool ${name}`);
  return pool;
}

serveTasks({
  openPool,
  closePools: () => {
    for (const pool of pools.values()) pool.close();
    pools.clear();
  },
  runFor: ({ name, durationMs }: { name: string; durationMs: number }): Promise<FrameRun> =>
    poolOf(name).runFor(durationMs),
  runPieces: ({ name, count }: { name: string; count: number }): Promise<FrameRun> =>
    poolOf(name).runPieces(count),
  registerPopulation,
  makeRegistrations: (count: number) => {
    registrations = makeRegistrations(count);
  },
  runRegistrations: ({ port, clients }: { port: number; clients: number }): Promise<RegistrationRun> =>
    runRegistrations({ port, clients, count: registrations.length }, registrations),
  runLists,
  openIdle: async ({ port, count }: { port: number; count: number }) => {
    idle = await openIdle(port, count);
  },
  closeIdle: () => {
    for (const socket of idle) socket.destroy();
  },
  startProbe: async (port: number) => {
    probe = await HeartbeatProbe.start(port);
  },
  resetProbe: () => probe?.reset(),
  readProbe: () => probe?.read(),
  stopProbe: () => {
    probe?.stop();
    probe = undefined;
  },
});
