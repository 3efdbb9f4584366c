import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FramePool } from '../../../registry/load/frame-pool.ts';

const FRAME_BYTES = 9;
const REPLY = Buffer.from([0, 0, 0, 6, 0x82, 1, 2, 3, 4, 5]);

let server: Server | undefined;
let pool: FramePool | undefined;

afterEach(() => {
  pool?.close();
  server?.close();
});

/** A server that answers each frame with `reply`, in writes of `writeBytes` bytes. */
async function answering(reply: Buffer, writeBytes: number): Promise<number> {
  server = createServer({ noDelay: true }, (socket) => {
    let received = 0;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const before = Math.floor(received / FRAME_BYTES);
      received += chunk.length;
      const frames = Math.floor(received / FRAME_BYTES) - before;
      void sendCut(socket, Buffer.concat(Array.from({ length: frames }, () => reply)), writeBytes);
    });
  });
  const listening = server;
  return new Promise((resolve) => {
    listening.listen(0, '127.0.0.1', () => resolve((listening.address() as { port: number }).port));
  });
}

async function sendCut(socket: Socket, bytes: Buffer, writeBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += writeBytes) {
    socket.write(bytes.subarray(at, at + writeBytes));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function openPool(port: number, depth: number): Promise<FramePool> {
  const frame = Buffer.from([0, 0, 0, 5, 2, 0, 0, 0, 1]);
  const piece = Buffer.concat(Array.from({ length: depth }, () => frame));
  return FramePool.open({
    port,
    preamble: false,
    pieces: Array.from({ length: 3 }, () => Array.from({ length: 10 }, () => piece)),
    depth,
    replyOpcode: 0x82,
    replyLength: { atLeast: 6 },
  });
}

describe('the load generator', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 1000])(
    'counts every reply, cut into writes of %i bytes',
    async (writeBytes) => {
      pool = await openPool(await answering(REPLY, writeBytes), 4);
      expect((await pool.runPieces(2)).replies).toBe(3 * 2 * 4);
      expect((await pool.runPieces(8)).replies).toBe(3 * 8 * 4);
      await expect(pool.runPieces(1)).rejects.toThrow('no requests left');
    },
  );

  it('goes round its requests for as long as it is told, and awaits what is under way', async () => {
    pool = await openPool(await answering(REPLY, 1000), 1);
    const run = await pool.runFor(30);
    expect(run.replies).toBeGreaterThan(0);
    expect(run.seconds).toBeGreaterThan(0);
    const again = await pool.runFor(30);
    expect(again.replies).toBeGreaterThan(0);
  });

  it.each([
    ['an error frame', Buffer.from([0, 0, 0, 5, 0xff, 0, 2, 0x6e, 0x6f]), /error frame of length 5/],
    ['another opcode', Buffer.from([0, 0, 0, 6, 0x81, 1, 2, 3, 4, 5]), /opcode 129/],
    ['a reply that is too short', Buffer.from([0, 0, 0, 2, 0x82, 1]), /length 2/],
  ])('ends with an error at %s', async (_, reply, text) => {
    pool = await openPool(await answering(reply, 1000), 1);
    await expect(pool.runPieces(1)).rejects.toThrow(text);
  });

  it('ends with an error when the server closes a connection', async () => {
    server = createServer((socket) => void socket.once('data', () => socket.destroy()));
    const listening = server;
    const port = await new Promise<number>((resolve) => {
      listening.listen(0, '127.0.0.1', () => resolve((listening.address() as { port: number }).port));
    });
    pool = await openPool(port, 1);
    await expect(pool.runPieces(1)).rejects.toThrow();
  });
});
