import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { onSupervisedCut, readCut } from '../../src/membership/supervised-cuts.ts';

class FakeChannel extends EventEmitter {
  readonly connected: boolean;

  constructor(connected = true) {
    super();
    this.connected = connected;
  }
}

const SUPERVISED = { MUSTER_SUPERVISED: '1' };
const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

async function listener(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** `connected`, or the code of the failure. */
async function dial(address: string): Promise<{ readonly socket: Socket; readonly outcome: string }> {
  const [host = '', port] = address.split(':');
  const socket = connect({ host, port: Number(port) });
  endings.push(() => void socket.destroy());
  const outcome = await Promise.race([
    once(socket, 'connect').then(() => 'connected'),
    once(socket, 'error').then(([error]) => (error as { code: string }).code),
  ]).catch((error: { code: string }) => error.code);
  return { socket, outcome };
}

describe('a cut that a supervisor asks for', () => {
  it('ends connections with its addresses, lets none be made, and is healed by the next message', async () => {
    const channel = new FakeChannel();
    const peers: ReadonlySet<string>[] = [];
    endings.push(onSupervisedCut(SUPERVISED, (cut) => void peers.push(cut), channel));
    const [cut, kept] = [await listener(), await listener()];
    const before = await dial(cut);
    const other = await dial(kept);
    before.socket.on('error', () => {});
    const ended = new Promise<void>((resolve) => void before.socket.once('close', () => resolve()));
    channel.emit('message', { type: 'cut', peers: ['peer'], addresses: [cut] });
    await ended;
    expect(peers).toEqual([new Set(['peer'])]);
    expect((await dial(cut)).outcome).toBe('EHOSTUNREACH');
    expect((await dial(kept)).outcome).toBe('connected');
    expect(other.socket.destroyed).toBe(false);
    channel.emit('message', { type: 'cut', peers: [], addresses: [] });
    expect((await dial(cut)).outcome).toBe('connected');
    expect(peers.at(-1)).toEqual(new Set());
  });

  it('has no effect without a supervisor that was announced, and none after the end', async () => {
    const address = await listener();
    const heard: unknown[] = [];
    const channels = [
      { channel: new FakeChannel(), environment: {} },
      { channel: new FakeChannel(), environment: { MUSTER_SUPERVISED: 'yes' } },
      { channel: new FakeChannel(false), environment: SUPERVISED },
    ];
    for (const { channel, environment } of channels) {
      endings.push(onSupervisedCut(environment, (cut) => void heard.push(cut), channel));
      channel.emit('message', { type: 'cut', peers: ['peer'], addresses: [address] });
    }
    const ended = new FakeChannel();
    const end = onSupervisedCut(SUPERVISED, (cut) => void heard.push(cut), ended);
    ended.emit('message', { type: 'cut', peers: [], addresses: [address] });
    end();
    ended.emit('message', { type: 'cut', peers: ['peer'], addresses: [] });
    expect(heard).toEqual([new Set()]);
    expect((await dial(address)).outcome).toBe('connected');
  });

  it('is nothing else than a message of that form', () => {
    const many = Array.from({ length: 10_001 }, String);
    for (const message of [
      null,
      'cut',
      {},
      { type: 'cut' },
      { type: 'cut', peers: [1], addresses: [] },
      { type: 'cut', peers: many, addresses: [] },
      { type: 'other', peers: [], addresses: [] },
    ]) {
      expect(readCut(message)).toBeUndefined();
    }
    expect(
      readCut({ type: 'cut', peers: [], addresses: ['0.0.0.0:80', ':81', '[::1]:82', 'nonsense'] })
        ?.addresses,
    ).toEqual(new Set(['127.0.0.1:80', '127.0.0.1:81', '[::1]:82', 'nonsense']));
  });
});
