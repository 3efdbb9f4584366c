/** A pool agent among indexers that a test scripts, on one clock that stands still. */

import { PoolAgent } from '../../src/pool/pool-agent.ts';
import { derivedDid } from '../../src/records/did.ts';
import type { DiscoverySettings } from '../../src/settings.ts';
import type { FrameStream } from '../../src/overlay/overlay.ts';
import type { AddrInfo, Heartbeat, PeerId, PeerRecord, WitnessReport } from '../../src/wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../../src/wire/protocols.ts';
import { decodeHeartbeat, decodeWitnessRequest } from '../../src/wire/schemas.ts';
import { MapDirectory, type Member, TestFleet, verifiedOf } from './members.ts';

export const BORN_AT = '2026-01-01T00:00:00.000Z';
const DEADLINE = { timeoutMs: 600_000 };

/** Overrides of one answer; undefined says nothing, 'reset' ends the stream. */
export type Script = (heartbeat: Heartbeat) => object | undefined | 'reset';

/** An honest indexer, except where a test scripts it. */
export class ScriptedIndexer {
  readonly fleet: PoolFleet;
  readonly member: Member;
  /** Heartbeats and probes, in order, with the time at which they came. */
  readonly received: { readonly heartbeat: Heartbeat; readonly at: number }[] = [];
  readonly candidateCounts: number[] = [];
  streams: FrameStream[] = [];
  script: Script = () => ({});
  candidates: readonly AddrInfo[] = [];
  witnesses: readonly AddrInfo[] = [];
  fillRate = 0.4;
  bornAt = BORN_AT;

  constructor(fleet: PoolFleet) {
    this.fleet = fleet;
    this.member = fleet.members.member();
    this.serve();
  }

  get peer(): PeerId {
    return this.member.self;
  }

  get info(): AddrInfo {
    return this.fleet.members.addrInfo(this.member);
  }

  get heartbeats(): readonly Heartbeat[] {
    return this.received.map(({ heartbeat }) => heartbeat).filter(({ probe }) => probe !== true);
  }

  serve(): void {
    this.member.overlay.handle(PROTOCOLS.heartbeat, (stream) => this.#serveHeartbeats(stream));
    this.member.overlay.handle(PROTOCOLS.candidates, async (stream) => {
      const request = (await stream.read({ ...DEADLINE, maxBytes: FRAME_LIMITS.candidatesRequest })) as {
        count: number;
      };
      this.candidateCounts.push(request.count);
      await stream.write({ candidates: this.candidates }, DEADLINE);
      await stream.close();
    });
  }

  async #serveHeartbeats(stream: FrameStream): Promise<void> {
    this.streams.push(stream);
    for (;;) {
      const value = await stream.read({ ...DEADLINE, maxBytes: FRAME_LIMITS.heartbeat });
      if (value === undefined) break;
      const heartbeat = decodeHeartbeat(value);
      this.received.push({ heartbeat, at: this.fleet.members.clock.now() });
      const scripted = this.script(heartbeat);
      if (scripted === 'reset') return stream.reset();
      if (scripted !== undefined) await stream.write({ ...this.#answer(heartbeat), ...scripted }, DEADLINE);
    }
    await stream.close();
  }

  #answer({ peer_id, challenges, challenge_did, seq }: Heartbeat): object {
    const now = this.fleet.members.clock.now();
    const record = this.fleet.records.get(peer_id);
    return {
      fill_rate: this.fillRate,
      peer_count: Math.round(this.fillRate * 100),
      max_nodes: 100,
      born_at: this.bornAt,
      witnesses: this.witnesses,
      ...(challenges !== undefined && {
        challenges: challenges.map((peer) => ({
          peer_id: peer,
          found: true,
          last_seen: new Date(now).toISOString(),
        })),
      }),
      ...(challenge_did !== undefined && { dht_found: record !== undefined, dht_payload: record }),
      seq,
      ts: now,
    };
  }
}

export interface PoolNode {
  readonly member: Member;
  readonly agent: PoolAgent;
  readonly directory: MapDirectory;
}

export class PoolFleet {
  readonly members = new TestFleet();
  /** What the DHT has of each node. */
  readonly records = new Map<PeerId, PeerRecord>();

  indexers(count: number): ScriptedIndexer[] {
    return Array.from({ length: count }, () => new ScriptedIndexer(this));
  }

  /** A peer that says this when it is asked about an indexer. */
  witness(report: (asked: PeerId) => WitnessReport | undefined): AddrInfo {
    const member = this.members.member();
    member.overlay.handle(PROTOCOLS.witness, async (stream) => {
      const request = decodeWitnessRequest(
        await stream.read({ ...DEADLINE, maxBytes: FRAME_LIMITS.witness }),
      );
      const answer = report(request.indexer_peer_id);
      if (answer === undefined) return;
      await stream.write(answer, DEADLINE);
      await stream.close();
    });
    return this.members.addrInfo(member);
  }

  /** A node whose agent has started, and has had its first tick. */
  async node(
    options: {
      readonly seeds?: readonly AddrInfo[];
      readonly settings?: Partial<DiscoverySettings>;
      readonly maxSize?: number;
      readonly isStrict?: boolean;
      readonly prepare?: (node: PoolNode) => void;
    } = {},
  ): Promise<PoolNode> {
    const member = this.members.member({
      indexerAddresses: options.seeds ?? [],
      ...options.settings,
    });
    const directory = new MapDirectory();
    const build = (): PeerRecord => {
      const record = member.record();
      this.records.set(member.self, record);
      directory.byPeerId.set(member.self, verifiedOf(record));
      return record;
    };
    const agent = new PoolAgent(member, {
      directory,
      maxSize: options.maxSize ?? 5,
      ...(options.isStrict !== true && {
        recordBuilder: build,
        ownDid: () => derivedDid(member.self),
      }),
    });
    const node = { member, agent, directory };
    options.prepare?.(node);
    agent.start();
    await this.members.settle();
    return node;
  }

  /** Passes this many seconds. */
  async pass(seconds: number, stepMs = 500): Promise<void> {
    await this.members.pass(seconds * 1000, stepMs);
  }
}

/** Payloads of the events of one topic. */
export function happened(node: PoolNode, topic: string): readonly Record<string, unknown>[] {
  return node.member.happened
    .filter((event) => event.topic === topic)
    .map(({ payload }) => payload as Record<string, unknown>);
}
