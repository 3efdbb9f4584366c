import {
  MusterError,
  type PeerStream,
  type PeerStreams,
  type PeerTarget,
  type Timers,
  type WaitLimit,
} from '@muster/core';

type Handler = (stream: PeerStream) => Promise<void>;

interface NodeState {
  readonly peerId: string;
  readonly handlers: Map<string, Handler>;
  isDown: boolean;
  /** Milliseconds before a stream to this node is open. */
  openDelayMs: number;
  /** Milliseconds before bytes from this node arrive. */
  sendDelayMs: number;
  /** Bytes that arrive in one piece; 0 is all of a write. */
  chunkBytes: number;
}

/** How a node of a {@link MemoryStreamNetwork} behaves. */
export type NodeBehaviour = Partial<Pick<NodeState, 'isDown' | 'openDelayMs' | 'sendDelayMs' | 'chunkBytes'>>;

/** Nodes in one process that open streams to one another. Time is that of the timers. */
export class MemoryStreamNetwork {
  readonly #timers: Pick<Timers, 'after'>;
  readonly #nodes = new Map<string, NodeState>();
  /** Streams that were opened so far. */
  opened = 0;

  constructor(timers: Pick<Timers, 'after'>) {
    this.#timers = timers;
  }

  /** The node's view of the network; adds the node. */
  node(peerId: string): PeerStreams {
    const state: NodeState = {
      peerId,
      handlers: new Map(),
      isDown: false,
      openDelayMs: 0,
      sendDelayMs: 0,
      chunkBytes: 0,
    };
    this.#nodes.set(peerId, state);
    return {
      self: peerId,
      addresses: () => [`/memory/${peerId}`],
      open: async (to, protocols, limit) => this.#open(state, to, protocols, limit),
      serve: (protocol, handler) => {
        state.handlers.set(protocol, handler);
        return () => void state.handlers.delete(protocol);
      },
      connectedPeers: () => [...this.#nodes.keys()].filter((id) => id !== peerId),
    };
  }

  /** Changes how a node behaves from now on. */
  set(peerId: string, behaviour: NodeBehaviour): void {
    Object.assign(this.#state(peerId), behaviour);
  }

  #state(peerId: string): NodeState {
    const state = this.#nodes.get(peerId);
    if (state === undefined) throw new MusterError('DIAL_FAILED', `no node ${peerId}`);
    return state;
  }

  async #open(
    from: NodeState,
    to: PeerTarget,
    protocols: readonly string[],
    limit: WaitLimit,
  ): Promise<PeerStream> {
    const target = this.#state(to.id);
    if (target.openDelayMs > 0) {
      await bounded(this.#timers, limit, (resolve) => {
        const timer = this.#timers.after(target.openDelayMs, () => resolve(undefined));
        return () => timer.cancel();
      });
    }
    limit.signal?.throwIfAborted();
    if (target.isDown || from.isDown) throw new MusterError('DIAL_FAILED', `${to.id} is down`);
    const protocol = protocols.find((name) => target.handlers.has(name));
    if (protocol === undefined)
      throw new MusterError('PROTOCOL_UNSUPPORTED', `${to.id} serves none of these`);
    const near = new MemoryPeerStream(to.id, protocol, this.#timers, from);
    const far = new MemoryPeerStream(from.peerId, protocol, this.#timers, target);
    near.other = far;
    far.other = near;
    this.opened += 1;
    void target.handlers.get(protocol)?.(far);
    return near;
  }
}

/** One end of a stream in memory; what is written arrives at the other end, in order, after the writer's delay. */
export class MemoryPeerStream implements PeerStream {
  readonly remotePeer: string;
  readonly protocol: string;
  other!: MemoryPeerStream;
  isReset = false;
  isClosed = false;
  /** What was written at this end. */
  readonly written: Uint8Array[] = [];
  readonly #timers: Pick<Timers, 'after'>;
  readonly #owner: NodeState;
  readonly #inbox: Uint8Array[] = [];
  #hasEnded = false;
  #isWriteClosed = false;
  #wake: (() => void) | undefined;

  constructor(remotePeer: string, protocol: string, timers: Pick<Timers, 'after'>, owner: NodeState) {
    this.remotePeer = remotePeer;
    this.protocol = protocol;
    this.#timers = timers;
    this.#owner = owner;
  }

  async write(data: Uint8Array, limit: WaitLimit): Promise<void> {
    limit.signal?.throwIfAborted();
    if (this.isReset) throw new MusterError('STREAM_RESET', 'the stream was reset');
    if (this.#isWriteClosed) throw new MusterError('STREAM_CLOSED', 'the stream is closed');
    this.written.push(data.slice());
    const step = this.#owner.chunkBytes > 0 ? this.#owner.chunkBytes : Math.max(1, data.length);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < data.length; at += step) chunks.push(data.slice(at, at + step));
    this.#deliver(() => {
      this.other.#inbox.push(...chunks);
      this.other.#wake?.();
    });
  }

  async read(limit: WaitLimit): Promise<Uint8Array | undefined> {
    limit.signal?.throwIfAborted();
    if (this.#inbox.length === 0 && !this.isReset && !this.#hasEnded) {
      await bounded(this.#timers, limit, (resolve) => {
        this.#wake = () => resolve(undefined);
        return () => {
          this.#wake = undefined;
        };
      });
    }
    if (this.isReset) throw new MusterError('STREAM_RESET', 'the stream was reset');
    return this.#inbox.shift();
  }

  async closeWrite(): Promise<void> {
    if (this.#isWriteClosed) return;
    this.#isWriteClosed = true;
    this.#deliver(() => {
      this.other.#hasEnded = true;
      this.other.#wake?.();
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.closeWrite();
  }

  reset(): void {
    for (const end of [this, this.other]) {
      if (end.isReset || end.isClosed) continue;
      end.isReset = true;
      end.#wake?.();
    }
  }

  #deliver(arrive: () => void): void {
    if (this.#owner.sendDelayMs === 0) arrive();
    else this.#timers.after(this.#owner.sendDelayMs, arrive);
  }
}

async function bounded<T>(
  timers: Pick<Timers, 'after'>,
  { timeoutMs, signal }: WaitLimit,
  start: (resolve: (value: T) => void) => () => void,
): Promise<T> {
  const result = Promise.withResolvers<T>();
  const undo = start(result.resolve);
  const timer = timers.after(timeoutMs, () =>
    result.reject(new MusterError('STREAM_TIMEOUT', `took longer than ${timeoutMs} ms`)),
  );
  const onAbort = (): void => result.reject(signal?.reason as Error);
  signal?.addEventListener('abort', onAbort);
  try {
    return await result.promise;
  } finally {
    undo();
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
