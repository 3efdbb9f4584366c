import { connect } from 'node:net';

/** One body, read as fast as a socket gives it. */
export interface DownloadRun {
  readonly bytes: number;
  readonly seconds: number;
  readonly firstByteMs: number;
}

const BUFFER = Buffer.allocUnsafe(1_048_576);
const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * GETs `url` over a bare socket into one buffer, without looking at the body: so the client is not what limits a server.
 * Rejects unless the answer is 200 with a length, and that many bytes come.
 */
export async function download(url: string): Promise<DownloadRun> {
  const { hostname, port, pathname, host } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<DownloadRun>();
  const startedAt = performance.now();
  let head: Buffer | undefined = Buffer.alloc(0);
  let expected = 0;
  let bytes = 0;
  let firstByteMs = 0;
  const take = (length: number): void => {
    bytes += length;
    if (bytes >= expected) {
      const seconds = (performance.now() - startedAt) / 1_000;
      socket.destroy();
      resolve({ bytes, seconds, firstByteMs });
    }
  };
  const onread = {
    buffer: BUFFER,
    callback: (length: number, buffer: Uint8Array): boolean => {
      if (head === undefined) {
        take(length);
        return true;
      }
      head = Buffer.concat([head, buffer.subarray(0, length)]);
      const end = head.indexOf(HEAD_END);
      if (end < 0) return true;
      const text = head.subarray(0, end).toString('latin1');
      const size = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? Number.NaN);
      if (!text.startsWith('HTTP/1.1 200') || Number.isNaN(size)) {
        reject(new Error(`${url}: ${text.split('\r\n', 1)[0]}`));
        socket.destroy();
        return false;
      }
      expected = size;
      firstByteMs = performance.now() - startedAt;
      const rest = head.length - end - HEAD_END.length;
      head = undefined;
      take(rest);
      return true;
    },
  };
  const socket = connect({ host: hostname, port: Number(port), onread });
  socket.on('connect', () =>
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\n\r\n`),
  );
  socket.on('error', reject);
  socket.on('close', () =>
    reject(new Error(`${url}: the connection ended after ${bytes} of ${expected} bytes`)),
  );
  return await promise;
}
