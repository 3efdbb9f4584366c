/** Light clients: real connections, keys, records and heartbeats of many nodes from one process, with nothing else of a node. */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  type PeerStream,
  type PeerTarget,
  silentLogger,
  systemClock,
  systemRandom,
  systemTimers,
} from '@muster/core';
import { Identity } from '@muster/core/identity';
import {
  buildPeerRecord,
  derivedDid,
  ed25519Crypto,
  encodeFrame,
  FRAME_LIMITS,
  FrameDecoder,
  type Heartbeat,
  type HeartbeatResponse,
  type PeerRecord,
  PROTOCOLS,
} from '@muster/discovery';
import { createPeerNetwork, type PeerNetwork } from '@muster/discovery/host';
import { readPskFile } from '@muster/discovery/keys';
import { serveTasks } from '../harness/child.ts';

const LIMIT = { timeoutMs: 30_000 };
/** Connections that are made at a time: an indexer takes a bounded number of handshakes. */
const CONNECT_AT_ONCE = 8;
const RECORD_TTL_MS = 120_000;
/** A refused client does not ask again at once. */
const REFUSED_PAUSE_MS = 1000;
/** Records are made anew after this, so that none expires under way. */
const RECORD_REUSE_MS = 60_000;

/** Whom to send heartbeats, and how many send them. */
export interface LoadPlan {
  readonly clients: number;
  readonly target: PeerTarget;
  readonly pskPath: string;
}

/** What one round of heartbeats came to. */
export interface LoadRun {
  readonly answered: number;
  /** By code; `ended` for streams that broke. */
  readonly refused: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

class LightClient {
  readonly #network: PeerNetwork;
  readonly #identity: Identity;
  readonly #target: PeerTarget;
  readonly #name: string;
  readonly #decoder = new FrameDecoder();
  #stream: PeerStream | undefined;
  #record: { readonly record: PeerRecord; readonly madeAt: number } | undefined;
  #seq = 0;

  private constructor(network: PeerNetwork, identity: Identity, target: PeerTarget, name: string) {
    this.#network = network;
    this.#identity = identity;
    this.#target = target;
    this.#name = name;
  }

  static async connect({ target, pskPath }: LoadPlan, name: string): Promise<LightClient> {
    const identity = Identity.generate();
    const { psk } = await readPskFile(pskPath);
    const network = await createPeerNetwork({
      identity,
      psk: psk.bytes,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      allowLoopback: true,
      // A table of its own that nobody shares: the client is no part of that of the fleet.
      dhtProtocol: '/benchmark/kad/1.0.0',
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      logger: silentLogger,
    });
    // The indexer measures the bandwidth of its nodes, and judges them by that.
    network.streams.serve(PROTOCOLS.probe, echo);
    await network.start();
    const client = new LightClient(network, identity, target, name);
    client.#stream = await network.streams.open(target, [PROTOCOLS.heartbeat], LIMIT);
    return client;
  }

  /** One heartbeat. Returns undefined when it was served, else the code of the refusal. */
  async beat(): Promise<string | undefined> {
    const stream = this.#stream;
    if (stream === undefined) return 'ended';
    try {
      await stream.write(encodeFrame(this.#heartbeat()), LIMIT);
      for (;;) {
        const frame = this.#decoder.next(FRAME_LIMITS.heartbeatResponse);
        if (frame !== undefined) return (frame.value as HeartbeatResponse).error?.code;
        const chunk = await stream.read(LIMIT);
        if (chunk === undefined) throw new Error('the stream has ended');
        this.#decoder.push(chunk);
      }
    } catch {
      stream.reset();
      this.#stream = undefined;
      return 'ended';
    }
  }

  async stop(): Promise<void> {
    await this.#network.stop();
  }

  #heartbeat(): Heartbeat {
    const { peerId } = this.#identity;
    return {
      name: this.#name,
      did: derivedDid(peerId),
      peer_id: peerId,
      timestamp: Math.floor(systemClock.now() / 1000),
      indexers_binded: [this.#target.id],
      record: this.#currentRecord(),
      need: 0,
      seq: (this.#seq += 1),
    };
  }

  #currentRecord(): PeerRecord {
    const now = systemClock.now();
    if (this.#record === undefined || now - this.#record.madeAt > RECORD_REUSE_MS) {
      const { peerId } = this.#identity;
      const [address = ''] = this.#network.listenAddresses();
      const record = buildPeerRecord(
        {
          name: this.#name,
          did: derivedDid(peerId),
          apiUrl: 'localhost',
          streamAddress: `${address}/p2p/${peerId}`,
          natsAddress: '',
          walletAddress: '',
          expiresAt: now + RECORD_TTL_MS,
        },
        ed25519Crypto(this.#identity),
      );
      this.#record = { record, madeAt: now };
    }
    return this.#record.record;
  }
}

async function echo(stream: PeerStream): Promise<void> {
  for (;;) {
    const chunk = await stream.read(LIMIT);
    if (chunk === undefined) break;
    await stream.write(chunk, LIMIT);
  }
  await stream.close();
}

let clients: readonly LightClient[] = [];
let background: { readonly stop: AbortController; readonly ended: Promise<unknown> } | undefined;

/** Connects all clients, each with a first heartbeat. Returns the seconds that it took. */
async function connect(plan: LoadPlan): Promise<number> {
  const startedAt = performance.now();
  const connected: LightClient[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: CONNECT_AT_ONCE }, async () => {
      while (next < plan.clients) {
        const client = await LightClient.connect(plan, `light-${(next += 1)}`);
        // An indexer ends streams of strangers that say nothing.
        const code = await client.beat();
        if (code !== undefined) throw new Error(`the first heartbeat was refused: ${code}`);
        connected.push(client);
      }
    }),
  );
  clients = connected;
  return (performance.now() - startedAt) / 1000;
}

/** Heartbeats as nodes send them, spread over the period; or, with `periodMs` 0, each as soon as the last is answered. */
async function beatFor(plan: { readonly seconds: number; readonly periodMs: number }): Promise<LoadRun> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), plan.seconds * 1000);
  const run = await beatUntil(plan.periodMs, stop.signal);
  clearTimeout(timer);
  return run;
}

async function beatUntil(periodMs: number, signal: AbortSignal): Promise<LoadRun> {
  const refused: Record<string, number> = {};
  let answered = 0;
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  await Promise.all(
    clients.map(async (client, index) => {
      if (periodMs > 0) await pause((periodMs * index) / clients.length, signal);
      while (!signal.aborted) {
        const sentAt = performance.now();
        const code = await client.beat();
        if (code === undefined) answered += 1;
        else refused[code] = (refused[code] ?? 0) + 1;
        if (code === 'ended') return;
        if (code !== undefined) await pause(REFUSED_PAUSE_MS, signal);
        if (periodMs > 0) await pause(periodMs - (performance.now() - sentAt), signal);
      }
    }),
  );
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - startedAt) / 1000;
  return { answered, refused, seconds, cpuSeconds: (user + system) / 1e6 };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal }).catch(() => {});
}

/** Goes on with heartbeats, as fast as they are answered, until `endBackground`. */
function beginBackground(): void {
  const stop = new AbortController();
  background = { stop, ended: beatUntil(0, stop.signal) };
}

async function endBackground(): Promise<void> {
  background?.stop.abort();
  await background?.ended;
  background = undefined;
}

async function disconnect(): Promise<void> {
  await Promise.all(clients.map((client) => client.stop()));
  clients = [];
}

serveTasks({ connect, beatFor, beginBackground, endBackground, disconnect });
