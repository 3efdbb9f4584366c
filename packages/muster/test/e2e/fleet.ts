import { join } from 'node:path';
import { Psk } from '@muster/discovery/keys';
import { systemRandom } from '@muster/core';
import { mkdir, writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { muster, type Started } from './processes.ts';

/** The line of a node or indexer that runs. */
export interface NodeReady {
  readonly event: 'ready';
  readonly pid: number;
  readonly roles: readonly string[];
  readonly name: string;
  readonly peerId: string;
  readonly did: string;
  readonly addresses: readonly string[];
  readonly data: string;
  readonly pskFingerprint: string;
  readonly status: string;
  readonly warnings: readonly string[];
}

interface PoolEntry {
  readonly peer_id: string;
  readonly healthy: boolean;
  readonly seed: boolean;
  readonly score: number | null;
}

export interface Status {
  readonly ready: boolean;
  readonly not_ready_because: readonly string[];
  readonly pool: { readonly entries: readonly PoolEntry[]; readonly healthy: number };
  readonly indexer: { readonly records: number } | null;
}

export interface MemberOptions {
  readonly mode?: 'node' | 'indexer' | 'node,indexer';
  readonly seeds?: readonly Pick<Member, 'address'>[];
  readonly flags?: readonly string[];
  /** Multiplies every duration. @default 0.1 */
  readonly timeScale?: number;
  readonly psk?: string;
}

/** Bound of what must come about; the machine may be busy. */
export const PATIENCE = { timeout: 90_000, interval: 200 };

/** Whether a search by the node with this status endpoint finds the name; ends it as soon as it does. */
export async function finds(status: string, name: string): Promise<boolean> {
  const response = await fetch(`http://${status}/search?name=${encodeURIComponent(name)}`);
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    // Leaving the loop cancels the request, and that the search.
    if (text.includes(`"name":"${name}"`)) return true;
  }
  return false;
}

/** A node or indexer as a process of its own. */
export class Member implements AsyncDisposable {
  readonly process: Started;
  readonly ready: NodeReady;

  constructor(process: Started, ready: NodeReady) {
    this.process = process;
    this.ready = ready;
  }

  get address(): string {
    return this.ready.addresses[0] as string;
  }

  async status(): Promise<Status> {
    return (await this.ask('/status')) as Status;
  }

  async ask(path: string): Promise<unknown> {
    const response = await fetch(`http://${this.ready.status}${path}`);
    return await response.json();
  }

  /** Peer ids of the healthy indexers of its pool, sorted. */
  async healthy(): Promise<readonly string[]> {
    const { pool } = await this.status();
    return pool.entries
      .filter(({ healthy }) => healthy)
      .map(({ peer_id }) => peer_id)
      .sort();
  }

  /** Names that a search finds, sorted. */
  async search(needle: string): Promise<readonly string[]> {
    const response = await fetch(`http://${this.ready.status}/search?name=${encodeURIComponent(needle)}`);
    const text = await response.text();
    if (!response.ok) return [];
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { hit?: { name: string } })
      .flatMap(({ hit }) => (hit === undefined ? [] : [hit.name]))
      .sort();
  }

  /** Waits until it does what its roles ask for. */
  async isReady(): Promise<void> {
    await expect.poll(async () => (await this.status()).not_ready_because, PATIENCE).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A process that was stopped takes no other signal until it goes on.
    this.process.signal('SIGCONT');
    await this.process[Symbol.asyncDispose]();
  }
}

/** Members with one pre-shared key, on the loopback, with ports that the system gives. All end with the fleet. */
export class Fleet implements AsyncDisposable {
  readonly folder: string;
  readonly pskPath: string;
  readonly members: Member[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.pskPath = join(folder, 'psk.key');
  }

  static async make(folder: string): Promise<Fleet> {
    const fleet = new Fleet(folder);
    await mkdir(folder, { recursive: true });
    await fleet.writePsk(fleet.pskPath);
    return fleet;
  }

  async writePsk(path: string): Promise<void> {
    await writeFile(path, Psk.generate(systemRandom).toText(), { mode: 0o600 });
  }

  /** Starts a member that has not been started yet, without waiting for it. */
  launch(name: string, options: MemberOptions = {}): Started {
    const own = join(this.folder, name);
    const flags: Readonly<Record<string, string>> = {
      name,
      'node-mode': options.mode ?? 'node',
      'node-endpoint-port': '0',
      'listen-host': '127.0.0.1',
      'allow-loopback': 'true',
      'indexer-addresses': (options.seeds ?? []).map(({ address }) => address).join(','),
      'psk-path': options.psk ?? this.pskPath,
      'private-key-path': join(own, 'private.pem'),
      'public-key-path': join(own, 'public.pem'),
      'generate-keys': 'true',
      'store-url': `file:${join(own, 'data')}`,
      'status-port': 'any',
      'time-scale': String(options.timeScale ?? 0.1),
    };
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    return muster(['node', 'run', '--json', ...args, ...(options.flags ?? [])], this.folder, undefined, {
      OC_TEST: '1',
    });
  }

  /** Starts a member; resolves when it runs. */
  async start(name: string, options: MemberOptions = {}): Promise<Member> {
    const process = this.launch(name, options);
    let member: Member;
    try {
      member = new Member(process, (await process.ready()) as unknown as NodeReady);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
    this.members.push(member);
    return member;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map(async (member) => await member[Symbol.asyncDispose]()));
  }
}
