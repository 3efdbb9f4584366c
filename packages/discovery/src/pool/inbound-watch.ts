import type { RecordDirectory } from '../parts.ts';
import type { RemotePeer } from '../overlay/overlay.ts';
import type { AddrInfo, PeerId } from '../wire/messages.ts';
import { parsePeerAddress } from '../wire/addresses.ts';
import { PROTOCOLS } from '../wire/protocols.ts';
import type { PoolState } from './pool-state.ts';

/** Peers that are looked at, at one time. */
const MAX_LOOKED_AT = 64;

/**
 * Indexers that contact us are taken into the pool while there is room (14.9). Who serves heartbeats is known from
 * identify (F:73); only if that says nothing in time, a stream is opened and reset at once.
 */
export class InboundWatch {
  readonly #state: PoolState;
  readonly #records: RecordDirectory;
  readonly #consider: (candidate: AddrInfo, from: string) => boolean;
  readonly #lookedAt = new Set<PeerId>();

  constructor(
    state: PoolState,
    records: RecordDirectory,
    consider: (candidate: AddrInfo, from: string) => boolean,
  ) {
    this.#state = state;
    this.#records = records;
    this.#consider = consider;
  }

  /** Listens until the agent stops. */
  start(): void {
    const { overlay } = this.#state.context;
    const stop = overlay.onPeer((event) => {
      if (event.kind === 'connected' && event.remote.direction === 'inbound') {
        this.#look(event.remote.peer, overlay.protocols(event.remote.peer));
      } else if (event.kind === 'identified' && this.#inbound(event.peer) !== undefined) {
        this.#look(event.peer, event.protocols);
      }
    });
    this.#state.signal.addEventListener('abort', stop, { once: true });
  }

  #inbound(peer: PeerId): RemotePeer | undefined {
    return this.#state.context.overlay
      .connections()
      .find((remote) => remote.peer === peer && remote.direction === 'inbound');
  }

  #look(peer: PeerId, protocols: readonly string[] | undefined): void {
    if (this.#state.need === 0 || this.#isKnown(peer)) return;
    if (protocols !== undefined) {
      if (protocols.includes(PROTOCOLS.heartbeat)) {
        this.#state.run('inbound indexer', () => this.#take(peer));
      }
      return;
    }
    if (this.#lookedAt.has(peer) || this.#lookedAt.size >= MAX_LOOKED_AT) return;
    this.#lookedAt.add(peer);
    this.#state.run('inbound peer', async () => {
      try {
        await this.#lookLater(peer);
      } finally {
        this.#lookedAt.delete(peer);
      }
    });
  }

  /** Who contacts us lives, so what was avoided because it had failed is welcome. */
  #isKnown(peer: PeerId): boolean {
    return this.#state.directory.has(peer) || this.#state.quarantine.has(peer, this.#state.now());
  }

  async #lookLater(peer: PeerId): Promise<void> {
    const { context, signal } = this.#state;
    const timeoutMs = context.constants.supportsHeartbeatMs;
    if (!(await this.#state.sleep(timeoutMs))) return;
    if (this.#isKnown(peer) || this.#inbound(peer) === undefined) return;
    const protocols = context.overlay.protocols(peer);
    if (protocols !== undefined) {
      if (protocols.includes(PROTOCOLS.heartbeat)) await this.#take(peer);
      return;
    }
    try {
      const to = { ID: peer, Addrs: [] };
      const stream = await context.overlay.open(to, PROTOCOLS.heartbeat, { timeoutMs, signal });
      stream.reset();
    } catch {
      return;
    }
    await this.#take(peer);
  }

  async #take(peer: PeerId): Promise<void> {
    const address = this.#inbound(peer)?.address;
    const { indexerRecordFetchMs } = this.#state.context.constants;
    // The port of an inbound connection is nobody's to dial; the addresses of its signed record are.
    const record = await this.#records.indexerRecord(peer, indexerRecordFetchMs);
    const published = (record?.multiaddrs ?? [])
      .map((text) => parsePeerAddress(text))
      .flatMap((info) => (info?.ID === peer ? info.Addrs : []));
    const Addrs = [...published, ...(address === undefined ? [] : [address])];
    this.#consider({ ID: peer, Addrs }, 'inbound');
  }
}
