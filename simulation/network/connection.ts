import type { Endpoint, SimNetwork } from './sim-network.ts';

/** TCP retries ever more rarely; this bounds how long after the healing of a cut it notices. */
const NOTICE_MAX_MS = 8_000;

interface Stalled {
  readonly bytes: number;
  readonly deliver: () => void;
}

/** One end of a connection, with the way from it to the other end. */
export class ConnectionEnd {
  readonly endpoint: Endpoint;
  /** Streams that are told when the connection goes. */
  readonly onReset = new Set<() => void>();
  /** When what was sent last arrives: later things never arrive earlier. */
  lastArrival = 0;
  stalled: Stalled[] = [];
  stalledSince = 0;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }
}

/** A connection between two processes; `a` dialled. What one end sends reaches the other in order. */
export class Connection {
  readonly a: ConnectionEnd;
  readonly b: ConnectionEnd;
  readonly #network: SimNetwork;
  #isOpen = true;

  constructor(network: SimNetwork, dialler: Endpoint, listener: Endpoint) {
    this.#network = network;
    this.a = new ConnectionEnd(dialler);
    this.b = new ConnectionEnd(listener);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  end(of: Endpoint): ConnectionEnd {
    return this.a.endpoint === of ? this.a : this.b;
  }

  other(of: Endpoint): ConnectionEnd {
    return this.a.endpoint === of ? this.b : this.a;
  }

  /** Sends from one end; `deliver` happens at the other one, unless the connection ends first. */
  send(from: ConnectionEnd, bytes: number, deliver: () => void): void {
    if (!this.#isOpen) return;
    const to = from === this.a ? this.b : this.a;
    const { sim } = this.#network;
    if (from.stalled.length > 0 || this.#network.isCut(from.endpoint.host, to.endpoint.host)) {
      if (from.stalled.length === 0) from.stalledSince = sim.now;
      from.stalled.push({ bytes, deliver });
      return;
    }
    const arrival = Math.max(
      from.lastArrival,
      sim.now + this.#network.links.deliveryMs(from.endpoint.host, to.endpoint.host, bytes),
    );
    from.lastArrival = arrival;
    sim.schedule(
      arrival - sim.now,
      () => {
        if (!this.#isOpen) return;
        this.#network.delivered();
        deliver();
      },
      to.endpoint.process,
    );
  }

  /** After a cut has healed: what was held back is sent again, once the sender tries. */
  resumeStalled(): void {
    for (const from of [this.a, this.b]) {
      if (from.stalled.length === 0) continue;
      const { sim, random } = this.#network;
      const notice = random.between(100, Math.max(200, Math.min(NOTICE_MAX_MS, sim.now - from.stalledSince)));
      sim.schedule(notice, () => this.#flush(from));
    }
  }

  /** Ends it abruptly, at both ends, at once. */
  reset(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#network.forget(this);
    for (const end of [this.a, this.b]) {
      end.stalled = [];
      this.#network.sim.schedule(0, () => this.#tell(end), end.endpoint.process);
    }
  }

  #tell(end: ConnectionEnd): void {
    const listeners = [...end.onReset];
    end.onReset.clear();
    for (const listener of listeners) listener();
    end.endpoint.onDisconnected(this);
  }

  #flush(from: ConnectionEnd): void {
    const to = from === this.a ? this.b : this.a;
    if (!this.#isOpen || this.#network.isCut(from.endpoint.host, to.endpoint.host)) return;
    const { stalled } = from;
    from.stalled = [];
    for (const { bytes, deliver } of stalled) this.send(from, bytes, deliver);
  }
}
