/**
 * Streams and messages by protocol, counted at the port, so that no protocol has to do it (discovery spec section 29,
 * M-08).
 */

import type { Dht, FrameStream, Overlay, StreamHandler } from '../overlay/overlay.ts';

/** Figures of one protocol and one side of opening. */
export interface StreamFigures {
  readonly protocol: string;
  readonly direction: 'inbound' | 'outbound';
  readonly open: number;
  readonly total: number;
  readonly framesIn: number;
  readonly framesOut: number;
}

type Figures = { -readonly [K in keyof StreamFigures]: StreamFigures[K] };

/** The figures of one overlay. Protocols are those of our handlers and dials: strangers cannot add any. */
export class StreamCounts {
  readonly #figures = new Map<string, Figures>();

  list(): readonly StreamFigures[] {
    return [...this.#figures.values()].map((figures) => ({ ...figures }));
  }

  /** Counts a stream from its opening to its end, and returns it with its messages counted. */
  count(stream: FrameStream, direction: StreamFigures['direction']): FrameStream {
    const figures = this.#figuresOf(stream.protocol, direction);
    figures.open += 1;
    figures.total += 1;
    void stream.ended.then(() => {
      figures.open -= 1;
    });
    return {
      remote: stream.remote,
      protocol: stream.protocol,
      ended: stream.ended,
      write: async (message, deadline) => {
        await stream.write(message, deadline);
        figures.framesOut += 1;
      },
      read: async (options) => {
        const value = await stream.read(options);
        if (value !== undefined) figures.framesIn += 1;
        return value;
      },
      closeWrite: () => stream.closeWrite(),
      close: () => stream.close(),
      reset: () => stream.reset(),
    };
  }

  #figuresOf(protocol: string, direction: StreamFigures['direction']): Figures {
    const key = `${direction} ${protocol}`;
    let figures = this.#figures.get(key);
    if (figures === undefined) {
      figures = { protocol, direction, open: 0, total: 0, framesIn: 0, framesOut: 0 };
      this.#figures.set(key, figures);
    }
    return figures;
  }
}

/** The overlay with its streams counted. */
export function countedOverlay(overlay: Overlay, counts: StreamCounts): Overlay {
  return {
    self: overlay.self,
    gossip: overlay.gossip,
    get dht(): Dht {
      return overlay.dht;
    },
    addresses: () => overlay.addresses(),
    start: () => overlay.start(),
    stop: () => overlay.stop(),
    open: async (to, protocol, deadline) =>
      counts.count(await overlay.open(to, protocol, deadline), 'outbound'),
    handle(protocol, handler) {
      const counted: StreamHandler = (stream) => handler(counts.count(stream, 'inbound'));
      overlay.handle(protocol, counted);
    },
    unhandle: (protocol) => overlay.unhandle(protocol),
    connections: () => overlay.connections(),
    isConnected: (peer) => overlay.isConnected(peer),
    disconnect: (peer) => overlay.disconnect(peer),
    protect: (peer, isProtected) => overlay.protect(peer, isProtected),
    protocols: (peer) => overlay.protocols(peer),
    onPeer: (listener) => overlay.onPeer(listener),
    refuse: (isRefused, reconsider) => overlay.refuse(isRefused, reconsider),
    echo: (to, bytes, deadline) => overlay.echo(to, bytes, deadline),
  };
}
