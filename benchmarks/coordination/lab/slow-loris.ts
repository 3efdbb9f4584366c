import { connect } from 'node:net';

const LIMIT_MS = 30_000;

/** Sends the beginning of a request to `http://host:port` and nothing more; milliseconds until the server ends it. */
export async function slowLoris(url: string): Promise<number> {
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const startedAt = performance.now();
  const socket = connect({ host: hostname, port: Number(port) });
  const timer = setTimeout(() => socket.destroy(new Error('it is kept for ever')), LIMIT_MS);
  socket.on('connect', () => socket.write('GET /v2/ HTTP/1.1\r\nHo'));
  socket.on('data', () => {});
  socket.on('error', reject);
  socket.on('close', () => resolve(performance.now() - startedAt));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
