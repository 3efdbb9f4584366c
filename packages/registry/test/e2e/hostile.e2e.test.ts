import { connect, type Socket } from 'node:net';
import { RegistryClient } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { seededRandom } from '@muster/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeLookupRequest, jsonFrame, PREAMBLE } from '../../src/wire/index.ts';
import { eventually } from '../registry/support.ts';
import { ADMIN_TOKEN, ServerProcess } from './support/server-process.ts';

const MEBIBYTE = 1024 * 1024;
/** Requests of others that must be answered while the attack goes on. */
const ANSWERS_NEEDED = 300;

let server: ServerProcess;
let sockets: Socket[] = [];

beforeEach(async () => {
  server = await ServerProcess.start();
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await server[Symbol.asyncDispose]();
});

/** Opens a connection that only ends with the test; errors of it are of no interest. */
async function open(): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', () => resolve());
  });
  return socket;
}

async function openMany(count: number): Promise<Socket[]> {
  const opened: Socket[] = [];
  while (opened.length < count) {
    const batch = Math.min(200, count - opened.length);
    opened.push(...(await Promise.all(Array.from({ length: batch }, open))));
  }
  return opened;
}

/** Registers a node and keeps asking; resolves when enough was answered. */
async function othersAreServed(): Promise<void> {
  await using client = new RegistryClient({
    host: '127.0.0.1',
    port: server.port,
    identity: Identity.generate(),
    poolSize: 1,
    maxRepeats: 0,
  });
  const { nodeId } = await client.register();
  for (let i = 0; i < ANSWERS_NEEDED; i++) {
    if (i % 10 === 0) await client.setTags([`t${i}`]);
    else if (i % 2 === 0) await client.heartbeat();
    else expect((await client.lookup(nodeId)).nodeId).toBe(nodeId);
  }
}

async function openConnections(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${server.httpPort}/metrics`)).text();
  return Number(/^pilot_registry_tcp_connections (\d+)$/m.exec(text)?.[1]);
}

describe('memory stays bounded and others are served, while', () => {
  test('many announce 64 MiB and send a little of it', async () => {
    // Only an administrator may announce that much; the others are refused at once.
    const attackers = await openMany(500);
    const before = server.residentBytes;
    const admin = jsonFrame(Buffer.from(JSON.stringify({ type: 'list_networks', admin_token: ADMIN_TOKEN })));
    const announced = Buffer.concat([Buffer.of(4, 0, 0, 0), Buffer.alloc(20_000, 0x20)]);
    for (const [i, socket] of attackers.entries()) {
      if (i % 2 === 0) socket.write(admin);
      socket.write(announced);
    }
    await othersAreServed();
    await eventually(async () => (await openConnections()) <= 260, 'strangers are cut off');
    expect(server.residentBytes - before).toBeLessThan(100 * MEBIBYTE);
  });

  test('many send one byte and then nothing, or a byte now and then', async () => {
    const attackers = await openMany(2_000);
    const before = server.residentBytes;
    for (const socket of attackers) socket.write(Buffer.of(0));
    await othersAreServed();
    for (const socket of attackers) socket.write(Buffer.of(0));
    await othersAreServed();
    expect(server.residentBytes - before).toBeLessThan(60 * MEBIBYTE);
    // Each has to show a whole length within ten seconds.
    await eventually(async () => (await openConnections()) <= 1, 'the slow ones are cut off', 40_000);
    await othersAreServed();
  });

  test('one address opens more connections than it may have', async ({ annotate }) => {
    const allowed = 10_000;
    const mine = Math.min(allowed + 300, openFilesAllowed() - 200);
    if (mine < allowed) await annotate(`only ${mine} connections: this machine allows no more open files`);
    const before = server.residentBytes;
    await openMany(mine);
    await eventually(async () => {
      const open = await openConnections();
      return open >= Math.min(mine, allowed) - 5 && open <= allowed;
    }, 'the address has its connections, and no more');
    expect((server.residentBytes - before) / Math.min(mine, allowed)).toBeLessThan(10 * 1024);
    // This machine has them all now: somebody else comes from another address.
    await using other = connectFrom('127.0.0.2');
    await other.isServed(ANSWERS_NEEDED);
  });

  test('many send garbage', async () => {
    const random = seededRandom(3);
    const before = server.residentBytes;
    const stop = new AbortController();
    const attack = Array.from({ length: 20 }, async () => {
      while (!stop.signal.aborted) {
        const socket = await open();
        if (random.integer(2) === 0) socket.write(PREAMBLE);
        for (let i = 0; i < 5 && !socket.destroyed; i++)
          socket.write(random.bytes(1 + random.integer(5_000)));
        await new Promise((resolve) => setImmediate(resolve));
        socket.destroy();
        sockets = sockets.filter((other) => other !== socket);
      }
    });
    await othersAreServed();
    stop.abort();
    await Promise.all(attack);
    expect(server.residentBytes - before).toBeLessThan(100 * MEBIBYTE);
    expect(server.exit).toBeUndefined();
  });

  test('many ask and never read', async () => {
    // A node whose answers are long: 9 bytes of a request make about 450 of an answer.
    await using client = new RegistryClient({
      host: '127.0.0.1',
      port: server.port,
      identity: Identity.generate(),
    });
    const { nodeId } = await client.register({ hostname: 'h'.repeat(63) });
    await client.setTags(Array.from({ length: 10 }, (_, i) => `${i}`.padStart(32, 'tag')));
    const attackers = await openMany(60);
    const before = server.residentBytes;
    const flood = Buffer.concat(Array.from({ length: 40_000 }, () => encodeLookupRequest({ nodeId })));
    for (const socket of attackers) {
      socket.pause();
      socket.write(PREAMBLE);
      socket.write(flood);
    }
    await othersAreServed();
    // A mebibyte of answers for each may wait, for five seconds; all of them would be a gibibyte.
    expect(server.residentBytes - before).toBeLessThan(250 * MEBIBYTE);
    await eventually(async () => (await openConnections()) <= 3, 'those that do not read are cut off');
    await othersAreServed();
  });

  test('connections are left half open', async () => {
    const attackers = await openMany(500);
    for (const [i, socket] of attackers.entries()) {
      if (i % 3 === 0) socket.write(PREAMBLE);
      if (i % 3 === 1) socket.write(Buffer.of(0, 0, 1));
      socket.end();
    }
    await othersAreServed();
    await eventually(async () => (await openConnections()) <= 1, 'they are closed');
  });
});

test('a server that has no more files goes on when there are some again', async () => {
  await using small = await ServerProcess.start({ shell: 'ulimit -n 200' });
  await server[Symbol.asyncDispose]();
  server = small;
  // Those that it can't accept are closed, or wait in the system's queue.
  await openMany(600);
  expect(small.exit).toBeUndefined();
  for (const socket of sockets) socket.destroy();
  await othersAreServed();
  expect(small.exit).toBeUndefined();
});

function openFilesAllowed(): number {
  const report = process.report.getReport() as unknown as {
    userLimits?: { open_files?: { soft?: number | string } };
  };
  const soft = Number(report.userLimits?.open_files?.soft);
  return Number.isFinite(soft) ? soft : 1_000_000;
}

/** A client with an address of its own. */
function connectFrom(localAddress: string): AsyncDisposable & { isServed(answers: number): Promise<void> } {
  const socket = connect({ port: server.port, host: '127.0.0.1', localAddress });
  let received = 0;
  socket.on('data', (chunk) => {
    received += chunk.length;
  });
  socket.on('error', () => {});
  return {
    async isServed(answers) {
      socket.write(PREAMBLE);
      // `error: node 1: not found` takes 24 bytes.
      for (let i = 1; i <= answers; i++) {
        socket.write(encodeLookupRequest({ nodeId: 1 }));
        await eventually(() => received >= i * 24, 'an answer has come');
      }
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
}
