import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SocketSink, WriteTurn } from '../../src/server/socket-sink.ts';

/** What a sink does to its socket, as words. */
class FakeSocket {
  readonly log: string[];
  readonly #name: string;
  writable = true;
  writableLength = 0;

  constructor(name: string, log: string[]) {
    this.#name = name;
    this.log = log;
  }

  write(data: Uint8Array): void {
    this.log.push(`${this.#name}:${data.length > 20 ? data.length : Buffer.from(data).toString()}`);
  }

  end(): void {
    this.log.push(`${this.#name}:end`);
  }

  destroy(): void {
    this.log.push(`${this.#name}:destroy`);
  }
}

function scene(): { turnOf: WriteTurn; log: string[]; a: FakeSocket; b: FakeSocket; sinks: SocketSink[] } {
  const log: string[] = [];
  const [a, b] = [new FakeSocket('a', log), new FakeSocket('b', log)];
  const turnOf = new WriteTurn();
  return { turnOf, log, a, b, sinks: [a, b].map((one) => new SocketSink(one as unknown as Socket, turnOf)) };
}

const bytes = (text: string): Buffer => Buffer.from(text);

describe('a socket as a sink', () => {
  it('lets the answers of a turn wait for its end, and sends them in order', async () => {
    const { log, sinks } = scene();
    sinks[0]?.write(bytes('1'));
    sinks[1]?.write(bytes('2'));
    expect(log).toEqual([]);
    await turn();
    expect(log).toEqual(['a:1', 'b:2']);
    sinks[0]?.write(bytes('3'));
    await turn();
    expect(log).toEqual(['a:1', 'b:2', 'a:3']);
  });

  it('keeps the order of one connection: what is written second goes out behind the first', async () => {
    const { log, sinks } = scene();
    for (const text of ['1', '2', '3']) sinks[0]?.write(bytes(text));
    await turn();
    expect(log).toEqual(['a:1', 'a:2', 'a:3']);
  });

  it('sends at once what is large, so that the limits on output see it', () => {
    const { log, sinks } = scene();
    sinks[0]?.write(bytes('1'));
    sinks[0]?.write(Buffer.alloc(70_000));
    sinks[1]?.write(Buffer.alloc(70_000));
    expect(log).toEqual(['a:1', 'a:70000', 'b:70000']);
  });

  it('sends what has gathered before the end, and drops it when the connection is destroyed', async () => {
    const { log, sinks } = scene();
    sinks[0]?.write(bytes('1'));
    sinks[0]?.end();
    sinks[1]?.write(bytes('2'));
    sinks[1]?.destroy();
    await turn();
    expect(log).toEqual(['a:1', 'a:end', 'b:destroy']);
  });

  it('writes nothing to a socket that has ended meanwhile', async () => {
    const { log, a, sinks } = scene();
    sinks[0]?.write(bytes('1'));
    a.writable = false;
    await turn();
    expect(log).toEqual([]);
  });

  it('says when the system has not taken everything: the deadline for taking it begins', async () => {
    const { a, sinks } = scene();
    let backlogs = 0;
    for (const sink of sinks) sink.onBacklog = () => backlogs++;
    a.writableLength = 5;
    sinks[0]?.write(bytes('1'));
    sinks[1]?.write(bytes('2'));
    await turn();
    expect(backlogs).toBe(1);
  });

  it('sends what has gathered when it is told to, before connections are closed', () => {
    const { turnOf, log, sinks } = scene();
    sinks[1]?.write(bytes('2'));
    turnOf.flush();
    expect(log).toEqual(['b:2']);
  });
});
