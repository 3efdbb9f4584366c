import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { RegistryClient, type RegistryClientOptions } from '@muster/client';
import { Registry, type RegistryOptions } from '../../src/index.ts';
import { jsonFrame, readU32At } from '../../src/wire/index.ts';

export const ADMIN_TOKEN = 'test-admin-token';

/** Waits for a condition that may need real time; throws when it does not come true within the bound. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  what: string,
  boundMs = 20_000,
): Promise<void> {
  const giveUpAt = performance.now() + boundMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`gave up waiting until ${what}`);
    await pause(5);
  }
}

/** What a test starts and makes; everything ends with it, in reverse order. */
export class Scene implements AsyncDisposable {
  readonly #ends: (() => Promise<unknown>)[] = [];

  /** Has something ended with the scene. */
  onEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'muster-registry-'));
    this.onEnd(() => rm(directory, { recursive: true, force: true }));
    return directory;
  }

  /** Starts a registry on loopback, in memory unless a directory is given. */
  async start(options: Partial<RegistryOptions> = {}): Promise<Registry> {
    const registry = await Registry.start({
      listen: { host: '127.0.0.1', port: 0 },
      adminToken: ADMIN_TOKEN,
      ...options,
    });
    this.onEnd(() => registry.stop());
    return registry;
  }

  client(registry: Registry, options: Partial<RegistryClientOptions> = {}): RegistryClient {
    const pin = registry.tlsFingerprint;
    const client = new RegistryClient({
      host: '127.0.0.1',
      port: registry.port,
      ...(pin === undefined ? {} : { tls: { pin } }),
      ...options,
    });
    this.onEnd(() => client.close());
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.splice(0).toReversed()) await end();
  }
}

/** A bare connection. */
export class Wire {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  isOver = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
    });
    socket.on('error', () => {});
    socket.on('end', () => {
      this.isOver = true;
    });
    socket.on('close', () => {
      this.isOver = true;
    });
  }

  static async open(port: number, host = '127.0.0.1', scene?: Scene): Promise<Wire> {
    const socket = connect({ port, host, allowHalfOpen: true });
    const wire = new Wire(socket);
    scene?.onEnd(async () => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return wire;
  }

  /** Everything that has come. */
  get received(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks));
    return this.#chunks[0] as Buffer;
  }

  /** The complete frames that have come, without their lengths. */
  get frames(): readonly Buffer[] {
    const { received } = this;
    const frames: Buffer[] = [];
    for (let at = 0; at + 4 <= received.length;) {
      const end = at + 4 + readU32At(received, at);
      if (end > received.length) break;
      frames.push(received.subarray(at + 4, end));
      at = end;
    }
    return frames;
  }

  ask(message: object): void {
    this.socket.write(jsonFrame(Buffer.from(JSON.stringify(message))));
  }

  async answers(count: number): Promise<readonly Record<string, unknown>[]> {
    await eventually(() => this.frames.length >= count, `${count} answers have come`);
    return this.frames.map((frame) => JSON.parse(frame.toString()) as Record<string, unknown>);
  }
}

/** The code of the error that a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: { code?: unknown }) => error.code ?? error,
  );
}
