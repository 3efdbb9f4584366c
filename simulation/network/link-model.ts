import type { SimRandom } from '../kernel/index.ts';

/** How far apart hosts are, and how reliable the way is. Times are milliseconds, one way unless named otherwise. */
export interface LinkOptions {
  /** The part of the way that all pairs share. @default 5 */
  readonly coreMs?: number;
  /** Each host's own part, drawn once, uniformly. @default [5, 15] */
  readonly accessMs?: readonly [number, number];
  /** Mean of the exponential jitter of each delivery. @default 1 */
  readonly jitterMs?: number;
  /** Probability that a packet is lost. Streams then wait for its retransmission. @default 0 */
  readonly loss?: number;
  /** Probability that a message of a topic arrives twice. @default 0 */
  readonly duplication?: number;
  /** @default 100 */
  readonly bandwidthMbps?: number;
}

/** What one host adds to all of its links. */
export interface HostLink {
  readonly extraMs?: number;
  readonly extraJitterMs?: number;
  readonly loss?: number;
  readonly bandwidthMbps?: number;
}

interface HostState {
  readonly accessMs: number;
  link: HostLink;
}

const PACKET_BYTES = 1400;
/** Of TCP: a lost packet is sent again after this or after twice the round trip, doubling. */
const RETRANSMIT_MIN_MS = 200;
const RETRANSMIT_MAX_MS = 60_000;

/** Latency, jitter, loss and bandwidth between hosts that are known by name. */
export class LinkModel {
  readonly #options: Required<LinkOptions>;
  readonly #random: SimRandom;
  readonly #hosts = new Map<string, HostState>();

  constructor(options: LinkOptions, random: SimRandom) {
    this.#options = {
      coreMs: 5,
      accessMs: [5, 15],
      jitterMs: 1,
      loss: 0,
      duplication: 0,
      bandwidthMbps: 100,
      ...options,
    };
    this.#random = random;
  }

  /** Changes what the host adds; {} takes it back. */
  setHost(host: string, link: HostLink): void {
    this.#of(host).link = link;
  }

  /** One way without jitter. */
  oneWayMs(from: string, to: string): number {
    const a = this.#of(from);
    const b = this.#of(to);
    return this.#options.coreMs + a.accessMs + b.accessMs + (a.link.extraMs ?? 0) + (b.link.extraMs ?? 0);
  }

  /** How long a message of a stream is under way: latency, jitter, transfer, and retransmissions of lost packets. */
  deliveryMs(from: string, to: string, bytes: number): number {
    const a = this.#of(from).link;
    const b = this.#of(to).link;
    const oneWay = this.oneWayMs(from, to);
    const jitter = this.#options.jitterMs + (a.extraJitterMs ?? 0) + (b.extraJitterMs ?? 0);
    const mbps = Math.min(
      this.#options.bandwidthMbps,
      a.bandwidthMbps ?? Infinity,
      b.bandwidthMbps ?? Infinity,
    );
    let ms = oneWay + (bytes * 8) / (mbps * 1000);
    if (jitter > 0) ms += this.#random.exponential(jitter);
    const loss = this.lossOf(from, to);
    if (loss > 0) ms += this.#retransmissionMs(oneWay, loss, Math.ceil(bytes / PACKET_BYTES));
    return ms;
  }

  lossOf(from: string, to: string): number {
    const kept =
      (1 - this.#options.loss) * (1 - (this.#of(from).link.loss ?? 0)) * (1 - (this.#of(to).link.loss ?? 0));
    return 1 - kept;
  }

  isDuplicated(): boolean {
    return this.#random.chance(this.#options.duplication);
  }

  #retransmissionMs(oneWayMs: number, loss: number, packets: number): number {
    let worst = 0;
    for (let i = 0; i < Math.min(packets, 16); i++) {
      let wait = Math.max(RETRANSMIT_MIN_MS, 4 * oneWayMs);
      let total = 0;
      while (this.#random.chance(loss) && total < RETRANSMIT_MAX_MS) {
        total += wait;
        wait *= 2;
      }
      worst = Math.max(worst, total);
    }
    return worst;
  }

  #of(host: string): HostState {
    let state = this.#hosts.get(host);
    if (state === undefined) {
      const [min, max] = this.#options.accessMs;
      state = { accessMs: this.#random.fork(`access ${host}`).between(min, max), link: {} };
      this.#hosts.set(host, state);
    }
    return state;
  }
}
