import { connect, type Socket } from 'node:net';
import { challenges, Identity } from '@muster/core/identity';
import { identityOf, KEYED_NODES } from '../population.ts';

const LENGTH_BYTES = 4;

/** Registrations that are ready to be sent: keys, signatures and messages have been made. */
export interface RegistrationPlan {
  readonly port: number;
  readonly clients: number;
  readonly count: number;
}

export interface RegistrationRun {
  readonly registered: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Milliseconds from request to answer, one for each registration. */
  readonly latenciesMs: Float64Array;
}

/** Makes `count` registrations of new keys, as the original's client sends them. */
export function makeRegistrations(count: number): readonly Buffer[] {
  return Array.from({ length: count }, (_, n) => {
    const identity = Identity.generate();
    const listenAddr = `203.0.${113 + (n % 2)}.${n % 251}:${4000 + (n % 1000)}`;
    const key = identity.publicKeyBase64;
    return jsonFrame({
      type: 'register',
      public_key: key,
      listen_addr: listenAddr,
      signature: identity.sign(challenges.register(listenAddr, key)),
      hostname: `bench-${identity.shortFingerprint}`,
      version: '1.4.2',
      lan_addrs: [`10.0.${n % 251}.${n % 241}:4000`],
    });
  });
}

/**
 * Registers the nodes that have keys, in the order of their ids, with a server whose store is empty: so they get these
 * ids. Rejects when one gets another.
 */
export async function registerPopulation(port: number): Promise<void> {
  const socket = await open(port);
  for (let id = 1; id <= KEYED_NODES; id++) {
    const identity = identityOf(id);
    const listenAddr = `203.0.113.${id % 251}:${4000 + id}`;
    const key = identity.publicKeyBase64;
    const signature = identity.sign(challenges.register(listenAddr, key));
    const request = { type: 'register', public_key: key, listen_addr: listenAddr, signature };
    const reply = await exchange(
      socket,
      jsonFrame({ ...request, hostname: `bench-${id}`, version: '1.4.2' }),
    );
    const { node_id: given } = JSON.parse(reply.toString('utf8', LENGTH_BYTES)) as { node_id: number };
    if (given !== id) throw new Error(`node ${id} got the id ${given}: the store was not empty`);
  }
  socket.destroy();
}

/** `[u32 BE length][JSON]` */
export function jsonFrame(message: object): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, LENGTH_BYTES);
  return frame;
}

/** Clients that each send one registration after the other, the next when the last is answered. */
export async function runRegistrations(
  plan: RegistrationPlan,
  frames: readonly Buffer[],
): Promise<RegistrationRun> {
  const sockets = await Promise.all(Array.from({ length: plan.clients }, () => open(plan.port)));
  const latenciesMs = new Float64Array(frames.length);
  let next = 0;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(
    sockets.map(async (socket) => {
      while (next < frames.length) {
        const index = next++;
        const sentAt = performance.now();
        await exchange(socket, frames[index] as Buffer);
        latenciesMs[index] = performance.now() - sentAt;
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const used = process.cpuUsage(cpu);
  for (const socket of sockets) socket.destroy();
  return {
    registered: frames.length,
    seconds,
    cpuSeconds: (used.user + used.system) / 1e6,
    latenciesMs,
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** Sends a request and awaits its answer, which must be a success. */
function exchange(socket: Socket, frame: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received: Buffer | undefined;
    const done = (): void => void socket.off('data', data).off('close', closed);
    const data = (chunk: Buffer): void => {
      received = received === undefined ? chunk : Buffer.concat([received, chunk]);
      if (received.length < LENGTH_BYTES || received.length < LENGTH_BYTES + received.readUInt32BE(0)) return;
      const isOk = received.includes('"type":"register_ok"') && !received.includes('"error"');
      done();
      if (isOk) resolve(received);
      else reject(new Error(received.toString('utf8', LENGTH_BYTES)));
    };
    const closed = (): void => {
      done();
      reject(new Error('the server closed a connection'));
    };
    socket.on('data', data).on('close', closed);
    socket.write(frame);
  });
}
