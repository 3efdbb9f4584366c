/**
 * The registry of a simulated fleet: its real operations and state in one process of the simulator, and clients that reach it over
 * the simulated network. What it models: latencies, lost requests and answers while the way is cut, a registry that is down, a crash
 * with recovery from its events, clocks that run at different speeds. Requests of a connection may overtake one another.
 */

import { clientErrors, type GrantedLease, type LeaseReply, refused } from '@muster/client';
import { challengeFor, type Identity } from '@muster/core/identity';
import { LocalRegistry } from '@muster/registry';
import type { LeaseClient } from 'muster/leases';
import type { SimProcess } from '../../kernel/index.ts';
import type { SimNetwork } from '../../network/index.ts';

export const REGISTRY_HOST = 'registry';
const REQUEST_BYTES = 400;
const TICK_MS = 1_000;
const TIMEOUT_MS = 5_000;
const HEARTBEAT_MS = 60_000;
/** As the real client does, which dials again and again while there is time. */
const REDIAL_MS = 200;

type Message = Readonly<Record<string, unknown>>;

export class SimRegistry {
  readonly local: LocalRegistry;
  readonly process: SimProcess;
  readonly #network: SimNetwork;
  readonly #nodes = new Map<string, number>();
  readonly #hosts = new Map<number, string>();

  constructor(network: SimNetwork, driftPpm: number) {
    this.#network = network;
    this.process = network.sim.process(REGISTRY_HOST, { driftPpm });
    this.local = new LocalRegistry({ clock: this.process, random: this.process.random });
    this.process.every(TICK_MS, () => this.local.tick());
  }

  /** Makes a node of a host. */
  async register(host: string, identity: Identity): Promise<void> {
    const fields = { listen_addr: `${host}.sim:4000`, public_key: identity.publicKeyBase64 };
    const signature = identity.sign(challengeFor('register', fields) ?? '');
    const reply = await this.local.connect().request({ type: 'register', ...fields, signature });
    const nodeId = reply?.['node_id'];
    if (typeof nodeId !== 'number') throw new Error(`${host} was not registered: ${JSON.stringify(reply)}`);
    this.#nodes.set(host, nodeId);
    this.#hosts.set(nodeId, host);
  }

  hostOf(nodeId: number): string | undefined {
    return this.#hosts.get(nodeId);
  }

  /** Ends it as by SIGKILL. */
  crash(): void {
    this.#network.sim.trace.note(this.#network.sim.now, REGISTRY_HOST, 'killed');
    this.local.crash();
  }

  recover(): void {
    this.#network.sim.trace.note(this.#network.sim.now, REGISTRY_HOST, 'started');
    this.local.recover();
  }

  /** The client of one run of an agent. */
  clientOf(process: SimProcess, host: string, identity: Identity): LeaseClient {
    const nodeId = this.#nodes.get(host);
    const connection = this.local.connect();
    const ask = async (type: string, fields: Message, timeoutMs = TIMEOUT_MS): Promise<Message> => {
      const all = { node_id: nodeId, ...fields };
      const signature = identity.sign(challengeFor(type, all) ?? '');
      const message = { type, ...all, signature };
      const reply = await this.#exchange(process, host, timeoutMs, () => connection.request(message));
      if (typeof reply['error'] !== 'string') return reply;
      throw refused(type, reply['error'], { code: reply['code'] as string });
    };
    process.every(HEARTBEAT_MS, () => void ask('heartbeat', {}).catch(() => {}));
    return {
      nodeId,
      acquireLease: async (resource, { ttlMs, timeoutMs, notwithstanding } = {}) => {
        const done = { done_epoch: notwithstanding?.epoch, done_token: notwithstanding?.token };
        return leaseOf(resource, await ask('lease_acquire', { resource, ttl_ms: ttlMs, ...done }, timeoutMs));
      },
      renewLease: async (lease, { timeoutMs } = {}) => {
        const reply = await ask('lease_renew', stamped(lease), timeoutMs);
        return { ttlMs: reply['ttl_ms'] as number, raw: rawOf(reply) };
      },
      releaseLease: async (lease, { timeoutMs, done } = {}) => {
        const reply = await ask('lease_release', { ...stamped(lease), done }, timeoutMs);
        return { released: reply['released'] === true, raw: rawOf(reply) };
      },
    };
  }

  /** What is under way gets there whatever happens to the process that has sent it. */
  async #exchange(
    process: SimProcess,
    host: string,
    timeoutMs: number,
    answer: () => Promise<Message | undefined>,
  ): Promise<Message> {
    const { sim, links } = this.#network;
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const timer = process.after(timeoutMs, () => reject(clientErrors.create('TIMEOUT', 'no reply')));
    const back = (act: () => void): void => {
      if (this.#network.isCut(REGISTRY_HOST, host)) return;
      sim.schedule(links.deliveryMs(REGISTRY_HOST, host, REQUEST_BYTES), act, process);
    };
    let isOver = false;
    const arrive = async (): Promise<void> => {
      const reply = await answer();
      if (reply === undefined) back(() => void process.after(REDIAL_MS, send));
      else back(() => resolve(reply));
    };
    const send = (): void => {
      if (isOver || this.#network.isCut(host, REGISTRY_HOST)) return;
      sim.schedule(links.deliveryMs(host, REGISTRY_HOST, REQUEST_BYTES), () => void arrive(), this.process);
    };
    send();
    try {
      return await promise;
    } finally {
      isOver = true;
      timer.cancel();
    }
  }
}

function stamped({ resource, epoch, token }: GrantedLease): Message {
  return { resource, epoch, token };
}

function rawOf(message: Message): LeaseReply['raw'] {
  return { encoding: 'json', message };
}

function leaseOf(resource: string, reply: Message): LeaseReply {
  const number = (name: string): number => reply[name] as number;
  const stamp = { resource, epoch: number('epoch'), token: number('token'), raw: rawOf(reply) };
  const key = reply['holder_public_key'];
  const holder = {
    nodeId: number('holder'),
    ...(typeof key === 'string' ? { publicKey: Buffer.from(key, 'base64') } : {}),
  };
  switch (reply['state']) {
    case 'granted':
      return { ...stamp, state: 'granted', ttlMs: number('ttl_ms') };
    case 'held':
      return { ...stamp, state: 'held', holder, remainingMs: number('remaining_ms') };
    default:
      return { ...stamp, state: 'done', holder };
  }
}
