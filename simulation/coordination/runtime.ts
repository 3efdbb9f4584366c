/**
 * A container runtime next to an agent, with the agent as its only way: it asks for the manifest, then for config and layers,
 * three at a time, checks every byte, and tries a few times more when it is refused.
 */

import { coordinationErrors } from '@muster/coordination';
import { errorCode, MusterError } from '@muster/core';
import type { SimProcess } from '../kernel/index.ts';
import { digestOfBytes, type SimImage, type SimObject } from './images.ts';
import type { Wish } from './ledger.ts';
import { mirrorGet, mirrorHead } from './mirror.ts';
import type { SimAgent } from './sim-agent.ts';
import type { World } from './world.ts';

const PARALLEL = 3;
const RETRY_MS = [1_000, 2_000, 4_000, 4_000, 4_000] as const;
const LATER_RETRY_MS = 10_000;
const LOOPBACK_MS = 0.2;

export class SimRuntime {
  readonly #world: World;
  readonly #host: string;
  readonly #process: SimProcess;
  readonly #agentOf: () => SimAgent | undefined;
  /** How often refused requests are tried again. */
  retries: number = RETRY_MS.length;
  /** How long it goes on trying beyond that, as an orchestrator does that starts a pull anew. */
  patienceMs = 0;

  constructor(world: World, host: string, agentOf: () => SimAgent | undefined) {
    this.#world = world;
    this.#host = host;
    this.#agentOf = agentOf;
    this.#process = world.sim.process(`runtime ${host}`);
  }

  /** Pulls an image; resolves when each of its objects has been had or given up. */
  async pull(image: SimImage, delayMs = 0): Promise<void> {
    const objects = [image.config, ...image.layers];
    const first = this.#world.ledger.wish(this.#host, image.manifest.digest);
    const rest = objects.map((object) => ({
      object,
      wish: this.#world.ledger.wish(this.#host, object.digest),
    }));
    await this.#process.sleep(delayMs);
    if (!(await this.#get(image.manifest, first))) {
      for (const { wish } of rest) wish.outcome = { kind: 'failed', code: 'MANIFEST_MISSING', attempts: 0 };
      return;
    }
    const queue = [...rest];
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        await this.#get(next.object, next.wish);
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  /** Gets one object. */
  async get(object: SimObject, delayMs = 0): Promise<void> {
    const wish = this.#world.ledger.wish(this.#host, object.digest);
    await this.#process.sleep(delayMs);
    await this.#get(object, wish);
  }

  /** Asks for the size of one object. */
  async head(object: SimObject, delayMs = 0): Promise<void> {
    const wish = this.#world.ledger.wish(this.#host, object.digest);
    await this.#process.sleep(delayMs);
    await this.#try(object, wish, async (agent) => {
      const size = await mirrorHead(agent, object, new AbortController().signal);
      if (size !== object.body.length) this.#wrong(`HEAD of ${object.digest} told ${size} bytes`);
    });
  }

  async #get(object: SimObject, wish: Wish): Promise<boolean> {
    return this.#try(object, wish, async (agent) => {
      const body = await mirrorGet(agent, object, this.#world.tampering);
      if (digestOfBytes(body) !== object.digest) {
        this.#wrong(
          `a whole body of ${body.length} bytes was handed out for ${object.digest}, and it is another`,
        );
      }
    });
  }

  async #try(object: SimObject, wish: Wish, act: (agent: SimAgent) => Promise<void>): Promise<boolean> {
    const { sim } = this.#world;
    const startedAt = this.#process.monotonic();
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#request(act);
        wish.outcome = { kind: 'got', ms: this.#process.monotonic() - startedAt };
        sim.trace.note(sim.now, this.#host, 'got', object.digest);
        return true;
      } catch (error) {
        const code = errorCode(error);
        wish.codes.push(code ?? 'none');
        sim.trace.note(sim.now, this.#host, 'refused', object.digest, code);
        if (code === undefined || !isKnown(code)) {
          this.#wrong(`${object.digest} failed without a reason: ${String(error)}`);
        }
        const isPatient = this.#process.monotonic() - startedAt < this.patienceMs;
        const pause = attempt < this.retries ? RETRY_MS[attempt] : isPatient ? LATER_RETRY_MS : undefined;
        if (pause === undefined) {
          wish.outcome = { kind: 'failed', code, attempts: attempt + 1 };
          return false;
        }
        await this.#process.sleep(pause);
      }
    }
  }

  /** Over the loopback interface: a paused agent answers later, a dead one resets the connection. */
  async #request(act: (agent: SimAgent) => Promise<void>): Promise<void> {
    const { sim, tampering } = this.#world;
    const agent = this.#agentOf();
    if (agent === undefined || !agent.process.isAlive) throw gone();
    if (tampering.leaksTimers === true) agent.process.every(60_000, () => {});
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    agent.process.onKilled(() => reject(gone()));
    sim.schedule(
      LOOPBACK_MS,
      () => {
        if (this.#process.random.chance(tampering.swallows ?? 0)) return;
        act(agent).then(resolve, reject);
      },
      agent.process,
    );
    await promise;
  }

  #wrong(what: string): void {
    this.#world.ledger.violated(`${this.#host}: ${what}`);
  }
}

/** The agent is not there; the client sees that as a connection that is refused or reset. */
function gone(): MusterError {
  return new MusterError('AGENT_GONE', 'the agent is not there');
}

function isKnown(code: string): boolean {
  return code === 'AGENT_GONE' || Object.hasOwn(coordinationErrors.definitions, code);
}
