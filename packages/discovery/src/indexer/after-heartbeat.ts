/**
 * What follows an answered heartbeat (discovery spec 12.4, 12.6): the node's record goes into the DHT, and its bandwidth
 * is probed. None of it delays an answer, and all of it is bounded, whatever the number of nodes.
 */

import type { DiscoveryContext } from '../context.ts';
import type { NodeRecord, RecordDirectory, VerifiedRecord } from '../parts.ts';
import type { AddrInfo, PeerId } from '../wire/messages.ts';
import type { ServedHeartbeat } from './heartbeat-server.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { measure } from './measurement.ts';
import type { ProbeSchedule } from './probe-schedule.ts';
import { RepublishPlan } from './republish.ts';

export class AfterHeartbeat {
  readonly #context: DiscoveryContext;
  readonly #directory: RecordDirectory;
  readonly #probes: ProbeSchedule;
  readonly #republish: RepublishPlan;
  readonly #dhtWork: KeyedQueue<PeerId>;
  /** When the record of a node that sends none was last asked for. */
  readonly #fetchedAt = new Map<PeerId, number>();

  constructor(context: DiscoveryContext, directory: RecordDirectory, probes: ProbeSchedule) {
    this.#context = context;
    this.#directory = directory;
    this.#probes = probes;
    this.#republish = new RepublishPlan(context.constants);
    this.#dhtWork = new KeyedQueue(context.constants.republishAtOnce);
  }

  /** Peers that something is kept of. */
  get size(): number {
    return this.#republish.size + this.#fetchedAt.size + this.#dhtWork.waiting;
  }

  /** Starts what is due. Returns at once. */
  begin(served: ServedHeartbeat): void {
    const { record, verified, isFirstOfSession } = served;
    if (verified !== undefined) this.#beginPut(served, verified);
    else if (record.did !== undefined) this.#beginFetch(record, record.did);
    if (this.#probes.noteHeartbeat(record.peer, isFirstOfSession, this.#now())) {
      void this.#probe({ ID: record.peer, Addrs: record.addresses });
    }
  }

  /** The peer has left. */
  drop(peer: PeerId): void {
    this.#republish.drop(peer);
    this.#dhtWork.drop(peer);
    this.#fetchedAt.delete(peer);
    this.#probes.drop(peer);
  }

  /** Nothing more is begun. */
  stop(): void {
    this.#dhtWork.clear();
  }

  #beginPut({ heartbeat, isFirstOfSession }: ServedHeartbeat, verified: VerifiedRecord): void {
    const { peer_id: peer } = heartbeat;
    const { record } = verified;
    const asked = { record, isFirstOfSession, isReferent: heartbeat.referent === true };
    if (!this.#republish.isDue(peer, asked, this.#now())) return;
    this.#dhtWork.add(peer, async () => {
      // An earlier put may just have done it.
      if (this.#context.signal.aborted || !this.#republish.isDue(peer, asked, this.#now())) return;
      this.#republish.start(peer, record, this.#now());
      try {
        const { node } = await this.#directory.put(record);
        this.#republish.finish(peer, node, this.#now());
      } catch (error) {
        this.#context.logger.debug({ peer, error }, 'a record could not be put');
      }
    });
  }

  #beginFetch(record: NodeRecord, did: string): void {
    const { peer } = record;
    const { clock, constants } = this.#context;
    if (record.verified !== undefined && record.verified.expiresAt > clock.now()) return;
    const fetchedAt = this.#fetchedAt.get(peer);
    if (fetchedAt !== undefined && this.#now() - fetchedAt < constants.recommendedMs) return;
    this.#fetchedAt.set(peer, this.#now());
    this.#dhtWork.add(peer, async () => {
      try {
        const found = await this.#directory.byDid(did, constants.dhtGetByDidMs);
        if (found?.record.peer_id !== peer) return;
        if (found.expiresAt > (record.verified?.expiresAt ?? 0)) record.verified = found;
      } catch (error) {
        this.#context.logger.debug({ peer, error }, 'a record could not be fetched');
      }
    });
  }

  async #probe(to: AddrInfo): Promise<void> {
    const { constants, events, random } = this.#context;
    try {
      const bytes =
        constants.probeMinBytes + random.integer(constants.probeMaxBytes - constants.probeMinBytes + 1);
      let fastestMs = Infinity;
      for (let i = 0; i < constants.probeEchoes; i++)
        fastestMs = Math.min(fastestMs, await this.#echo(to, bytes));
      const large = constants.probeBandwidthBytes;
      const ms = await this.#echo(to, large);
      const measurement = measure({ fastestMs, bytes }, { ms, bytes: large }, constants);
      this.#probes.finish(to.ID, measurement);
      events.publish('bandwidth.probed', { peer: to.ID, ok: true, mbps: measurement.mbps });
    } catch {
      this.#probes.finish(to.ID, undefined);
      events.publish('bandwidth.probed', { peer: to.ID, ok: false });
    }
  }

  async #echo(to: AddrInfo, bytes: number): Promise<number> {
    const { overlay, constants, signal } = this.#context;
    return await overlay.echo(to, bytes, { timeoutMs: constants.bandwidthProbeMs, signal });
  }

  #now(): number {
    return this.#context.clock.monotonic();
  }
}
