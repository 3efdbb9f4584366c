/** Peers that only speak the coordination protocol, in one process: they ask, they hold streams, they replay bytes. */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ClusterNode,
  CoordClient,
  type Digest,
  encodeEnvelope,
  encodeFrame,
  FrameReader,
  PROTOCOL_ID,
} from '@muster/coordination';
import { type PeerStream, silentLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { createPeerNetwork, type PeerNetwork } from '@muster/discovery/host';
import { percentile } from '../../harness/statistics.ts';
import { serveTasks } from '../../harness/child.ts';

/** An agent, as its announcement names it. */
export interface Target {
  readonly peerId: string;
  /** Multiaddrs. */
  readonly addresses: readonly string[];
}

export interface CallRun {
  readonly calls: number;
  readonly errors: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface FloodRun {
  /** Streams that were answered after they had been held. */
  readonly served: number;
  /** Streams that were reset, or could not be opened. */
  readonly refused: number;
  /** Most streams that were open at one moment. */
  readonly held: number;
}

const LIMIT = { timeoutMs: 30_000 };
const RPC_MS = 10_000;
/** What a stream that is to be refused is refused within. */
const REFUSAL_MS = 1_000;
const OPENERS = 32;
const ANY_DIGEST: Digest = `sha256:${'ab'.repeat(32)}`;

const networks: PeerNetwork[] = [];

async function start(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const network = await createPeerNetwork({
      identity: Identity.generate(),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      allowLoopback: true,
      dhtProtocol: '/gantry/kad/1.0.0',
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      logger: silentLogger,
    });
    await network.start();
    networks.push(network);
  }
}

function network(index: number): PeerNetwork {
  const found = networks[index % networks.length];
  if (found === undefined) throw new Error('no peer has been started');
  return found;
}

async function open(index: number, { peerId: id, addresses }: Target): Promise<PeerStream> {
  return await network(index).streams.open({ id, addresses }, [PROTOCOL_ID], LIMIT);
}

/** Asks about a digest that nobody has, so many calls at a time. */
async function calls(plan: {
  readonly target: Target;
  readonly parallel: number;
  readonly durationMs: number;
}): Promise<CallRun> {
  const { target, parallel, durationMs } = plan;
  const node: ClusterNode = {
    id: 'target',
    addr: '',
    zone: '',
    peerId: target.peerId,
    p2pAddrs: target.addresses,
  };
  const members = { self: () => 'self', snapshot: () => [node], bootstrapSnapshot: () => [node] };
  const client = new CoordClient({
    streams: network(0).streams,
    members,
    clock: systemClock,
    timers: systemTimers,
    logger: silentLogger,
    options: { maxParallel: parallel, rpcTimeoutMs: RPC_MS },
  });
  await client.pullIntent('target', ANY_DIGEST);
  const times: number[] = [];
  let errors = 0;
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (performance.now() - startedAt < durationMs) {
      const calledAt = performance.now();
      await client.pullIntent('target', ANY_DIGEST).then(
        () => times.push(performance.now() - calledAt),
        () => (errors += 1),
      );
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    calls: times.length,
    errors,
    seconds,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
  };
}

/** Opens streams on all peers at once, says nothing on them, then asks on those that are still there. */
async function flood({
  target,
  streams,
}: {
  readonly target: Target;
  readonly streams: number;
}): Promise<FloodRun> {
  await Promise.all(networks.map((_, index) => open(index, target).then((stream) => stream.reset())));
  const held = new Set<PeerStream>();
  const gone: Promise<void>[] = [];
  let most = 0;
  // The server ends a stream after five seconds, so all must be there by then.
  let next = 0;
  const opener = async (): Promise<void> => {
    while (next < streams) {
      const stream = await open(next++, target).catch(() => undefined);
      if (stream === undefined) continue;
      held.add(stream);
      most = Math.max(most, held.size);
    }
  };
  await Promise.all(Array.from({ length: OPENERS }, opener));
  // The server says nothing on a stream that it holds; it resets one that it refuses.
  for (const stream of held) {
    const refused = stream.read({ timeoutMs: REFUSAL_MS }).then(
      () => true,
      (error: { code?: string }) => error.code !== 'STREAM_TIMEOUT',
    );
    gone.push(refused.then((isGone) => void (isGone && held.delete(stream))));
  }
  await Promise.all(gone);
  const request = encodeFrame(
    encodeEnvelope({ type: 'pull_intent_request', message: { digest: ANY_DIGEST } }),
  );
  const answers = await Promise.all(
    [...held].map((stream) => exchange(stream, request).catch(() => undefined)),
  );
  const served = answers.filter((answer) => answer !== undefined).length;
  return { served, refused: streams - served, held: most };
}

/** Sends bytes on a stream of their own each; the answers as hex, or `closed`. */
async function replay({
  target,
  frames,
}: {
  readonly target: Target;
  readonly frames: readonly string[];
}): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const frame of frames) {
    const stream = await open(0, target);
    const answer = await exchange(stream, Buffer.from(frame, 'hex')).catch(() => undefined);
    answers.push(answer === undefined ? 'closed' : Buffer.from(answer).toString('hex'));
  }
  return answers;
}

/** How long a stream that sends nothing is kept, in milliseconds. */
async function silentStream(target: Target): Promise<number> {
  const stream = await open(0, target);
  const startedAt = performance.now();
  await stream.read(LIMIT).catch(() => undefined);
  return performance.now() - startedAt;
}

async function exchange(stream: PeerStream, bytes: Uint8Array): Promise<Uint8Array | undefined> {
  if (bytes.length > 0) await stream.write(bytes, LIMIT);
  await stream.closeWrite();
  const reader = new FrameReader();
  for (;;) {
    const chunk = await stream.read(LIMIT);
    if (chunk === undefined) return undefined;
    const envelope = reader.push(chunk);
    if (envelope === undefined) continue;
    await stream.close();
    return envelope;
  }
}

async function stop(): Promise<void> {
  await Promise.race([Promise.all(networks.map((one) => one.stop())), sleep(RPC_MS)]);
}

serveTasks({ start, calls, flood, replay, silentStream }, stop);
