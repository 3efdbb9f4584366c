/**
 * Cuts of the network, for demos and tests: a supervisor that has started this process tells it over the channel between them whom
 * it cannot reach. Inert unless the process has such a channel and `MUSTER_SUPERVISED=1`: nobody else can cut anybody off.
 *
 * Peers are refused by whoever holds connections with them. Addresses, such as those of the registry and of transfers, are cut here,
 * under all that connects in this process: connections with them end at once, and new ones fail as if there were no route. TLS
 * connections are left alone.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import process from 'node:process';
import { formatAddress, localAddress, parseAddress } from '../settings/address.ts';

/** Peers and addresses that cannot be reached; each message replaces the one before. */
export interface Cut {
  readonly peers: ReadonlySet<string>;
  /** `host:port`. */
  readonly addresses: ReadonlySet<string>;
}

/** Longest list that is taken. */
const MAX_ITEMS = 10_000;
/** What the runtime tells of each socket that is about to connect. */
const CHANNEL = 'net.client.socket';

/** The channel to the supervisor. */
interface Channel {
  readonly connected?: boolean | undefined;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
  readonly channel?: { unref(): void } | null | undefined;
}

/** Cuts addresses as it is told, and calls with the peers of each cut. Returns the function that ends it. */
export function onSupervisedCut(
  environment: Readonly<Record<string, string | undefined>>,
  cutPeers: (peers: ReadonlySet<string>) => void,
  channel: Channel = process,
): () => void {
  if (environment['MUSTER_SUPERVISED'] !== '1' || channel.connected !== true) return () => {};
  const addresses = new AddressCuts();
  const onMessage = (message: unknown): void => {
    const cut = readCut(message);
    if (cut === undefined) return;
    addresses.apply(cut.addresses);
    cutPeers(cut.peers);
  };
  channel.on('message', onMessage);
  // A listener keeps the process alive; what runs does that already.
  channel.channel?.unref();
  return () => {
    channel.off('message', onMessage);
    addresses.end();
  };
}

/** The cut that a message asks for; undefined when it is something else. */
export function readCut(message: unknown): Cut | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { type, peers, addresses } = message as Readonly<Record<string, unknown>>;
  if (type !== 'cut' || !isTexts(peers) || !isTexts(addresses)) return undefined;
  return { peers: new Set(peers), addresses: new Set(addresses.map(normalised)) };
}

/** Addresses in one form, so that they can be compared. */
export function normalised(address: string): string {
  const parsed = parseAddress(address);
  return parsed === undefined ? address : localAddress(parsed);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= MAX_ITEMS && value.every((item) => typeof item === 'string');
}

/** Knows the sockets of this process that connect to somewhere. */
class AddressCuts {
  readonly #sockets = new Map<Socket, string>();
  readonly #onSocket = (message: unknown): void =>
    this.#watch((message as { readonly socket: Socket }).socket);
  #cut: ReadonlySet<string> = new Set();

  constructor() {
    subscribe(CHANNEL, this.#onSocket);
  }

  apply(addresses: ReadonlySet<string>): void {
    this.#cut = addresses;
    for (const [socket, address] of this.#sockets) if (addresses.has(address)) cutOff(socket, address);
  }

  end(): void {
    unsubscribe(CHANNEL, this.#onSocket);
    this.#sockets.clear();
  }

  #watch(socket: Socket): void {
    socket.on('connectionAttempt', (host: string, port: number) => {
      const address = formatAddress({ host, port });
      this.#sockets.set(socket, address);
      // Not at once: whoever connects is not ready for it yet.
      process.nextTick(() => {
        if (this.#cut.has(address)) cutOff(socket, address);
      });
    });
    socket.once('close', () => void this.#sockets.delete(socket));
  }
}

function cutOff(socket: Socket, address: string): void {
  const error = new Error(`connect EHOSTUNREACH ${address}: cut off by the supervisor`);
  socket.destroy(Object.assign(error, { code: 'EHOSTUNREACH', syscall: 'connect' }));
}
