/** Whether something takes connections at an address, and whether an address is free to listen on. */
import { connect, createServer } from 'node:net';
import { errorCode, systemClock } from '@muster/core';
import { ALL_INTERFACES, type ListenAddress } from '../../settings/address.ts';

/** `open`, with the time that it took; or the system's code, or `ETIMEDOUT`. */
export type Connection =
  | { readonly kind: 'open'; readonly ms: number }
  | { readonly kind: 'failure'; readonly code: string };

/** Connects and closes again. Never rejects. */
export async function tryConnect({ host, port }: ListenAddress, timeoutMs: number): Promise<Connection> {
  const startedAt = systemClock.monotonic();
  return await new Promise((resolve) => {
    const socket = connect({ host: isAnywhere(host) ? '127.0.0.1' : host, port });
    const end = (result: Connection): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeoutMs, () => end({ kind: 'failure', code: 'ETIMEDOUT' }));
    socket.once('connect', () => end({ kind: 'open', ms: systemClock.monotonic() - startedAt }));
    socket.on('error', (error) => end({ kind: 'failure', code: errorCode(error) ?? error.message }));
  });
}

/** Listens and closes again: undefined when that went well, else the system's code. Takes no connection. Never rejects. */
export async function tryListen({ host, port }: ListenAddress): Promise<string | undefined> {
  const server = createServer((socket) => socket.destroy());
  return await new Promise((resolve) => {
    server.once('error', (error) => resolve(errorCode(error) ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** Whether the address stands for all interfaces. */
export function isAnywhere(host: string): boolean {
  return host === ALL_INTERFACES || host === '0.0.0.0';
}
