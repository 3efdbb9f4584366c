import { challenges } from '@muster/core/identity';
import { identityOf, KEYED_NODES } from '../population.ts';

const LENGTH_BYTES = 4;
const SIGNATURE_BYTES = 64;
const LOOKUPS_PER_CONNECTION = 2048;
const RESOLVES_PER_CONNECTION = 32;

/** The operations that have frames of their own. */
export type FrameKind = 'heartbeat' | 'lookup' | 'resolve';

export const REQUEST_OPCODE: Readonly<Record<FrameKind, number>> = {
  heartbeat: 0x01,
  lookup: 0x02,
  resolve: 0x03,
};
export const REQUEST_LENGTH: Readonly<Record<FrameKind, number>> = { heartbeat: 69, lookup: 5, resolve: 73 };
/** Length field of a heartbeat's reply, and the least of the others. */
export const REPLY_LENGTH: Readonly<Record<FrameKind, { exactly: number } | { atLeast: number }>> = {
  heartbeat: { exactly: 10 },
  lookup: { atLeast: 50 },
  resolve: { atLeast: 13 },
};

/**
 * What `connections` connections send, `depth` frames a piece. Heartbeats: each connection speaks for its own share of
 * the nodes with keys. Lookups: ids drawn from all `nodes`. Resolves: every signature differs; `frames` of them.
 */
export function makePieces(
  kind: FrameKind,
  shape: {
    readonly connections: number;
    readonly depth: number;
    readonly nodes: number;
    readonly frames?: number;
  },
): readonly (readonly Buffer[])[] {
  const random = generator(shape.frames ?? 0x6d757374);
  return Array.from({ length: shape.connections }, (_, connection) => {
    const frames = framesOf(kind, connection, shape, random);
    return cut(frames, REQUEST_LENGTH[kind] + LENGTH_BYTES, shape.depth);
  });
}

function framesOf(
  kind: FrameKind,
  connection: number,
  shape: { readonly connections: number; readonly nodes: number; readonly frames?: number },
  random: (below: number) => number,
): readonly Buffer[] {
  const share = Math.floor(KEYED_NODES / shape.connections);
  switch (kind) {
    case 'heartbeat':
      return Array.from({ length: share }, (_, n) => heartbeatFrame(1 + connection * share + n));
    case 'lookup':
      return Array.from({ length: LOOKUPS_PER_CONNECTION }, () => lookupFrame(1 + random(shape.nodes)));
    case 'resolve':
      return Array.from({ length: shape.frames ?? RESOLVES_PER_CONNECTION }, (_, n) => {
        const requester = 1 + connection * share + (n % share);
        return resolveFrame(publicNode(random, shape.nodes), requester);
      });
    default:
      return kind satisfies never;
  }
}

/** `[u32 length][0x01][u32 node][64 B signature]` */
export function heartbeatFrame(id: number): Buffer {
  const frame = newFrame('heartbeat');
  frame.writeUInt32BE(id, 5);
  identityOf(id).signBytes(challenges.heartbeat(id)).copy(frame, 9, 0, SIGNATURE_BYTES);
  return frame;
}

function lookupFrame(id: number): Buffer {
  const frame = newFrame('lookup');
  frame.writeUInt32BE(id, 5);
  return frame;
}

/** `[u32 length][0x03][u32 target][u32 requester][64 B signature]` */
function resolveFrame(target: number, requester: number): Buffer {
  const frame = newFrame('resolve');
  frame.writeUInt32BE(target, 5);
  frame.writeUInt32BE(requester, 9);
  identityOf(requester).signBytes(challenges.resolve(requester, target)).copy(frame, 13, 0, SIGNATURE_BYTES);
  return frame;
}

function newFrame(kind: FrameKind): Buffer {
  const frame = Buffer.alloc(LENGTH_BYTES + REQUEST_LENGTH[kind]);
  frame.writeUInt32BE(REQUEST_LENGTH[kind], 0);
  frame[4] = REQUEST_OPCODE[kind];
  return frame;
}

function publicNode(random: (below: number) => number, nodes: number): number {
  return 2 + 2 * random(Math.floor(nodes / 2) - 1);
}

/** One buffer, cut into pieces of `depth` frames. */
function cut(frames: readonly Buffer[], frameBytes: number, depth: number): readonly Buffer[] {
  const all = Buffer.concat(frames);
  const pieces = Math.floor(frames.length / depth);
  return Array.from({ length: pieces }, (_, n) =>
    all.subarray(n * depth * frameBytes, (n + 1) * depth * frameBytes),
  );
}

/** The same numbers in every run (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
