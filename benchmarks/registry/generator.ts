import { serveTasks } from '../harness/child.ts';
import { FramePool, type FrameRun } from './load/frame-pool.ts';
import { type FrameKind, makePieces, REPLY_LENGTH, REQUEST_LENGTH, REQUEST_OPCODE } from './load/frames.ts';

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
}

const pools = new Map<string, FramePool>();

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
  runFor: ({ name, durationMs }: { name: string; durationMs: number }): Promise<FrameRun> =>
    poolOf(name).runFor(durationMs),
  runOnce: (name: string): Promise<FrameRun> => poolOf(name).runOnce(),
  closePool: (name: string) => {
    poolOf(name).close();
    pools.delete(name);
  },
});
