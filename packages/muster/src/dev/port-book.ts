/** Ports of the loopback for members: none is given twice, so that one who is started again finds its own free. */
import type { Random } from '@muster/core';
import { isFree } from '../demo/ports.ts';
import { cliErrors } from '../cli/cli-errors.ts';

/** Below the ports that systems give to outgoing connections, so that none takes a port before its member does. */
const LOWEST = 10_000;
const HIGHEST = 29_999;
const MAX_TRIES = 1_000;
/** How many ports after a preferred one are tried. */
const NEXT_PORTS = 100;

export class PortBook {
  readonly #given = new Set<number>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A free port. */
  async any(): Promise<number> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const port = LOWEST + this.#random.integer(HIGHEST - LOWEST + 1);
      if (await this.#take(port)) return port;
    }
    throw cliErrors.create('ADDRESS_IN_USE', `no port from ${LOWEST} to ${HIGHEST} is free on this machine`);
  }

  /**
   * A wished port. One that a person has asked for, and that is in use, throws ADDRESS_IN_USE; in the place of a default the
   * next free one is given.
   *
   * @param wished 0 = any free one
   */
  async wished(wished: number, setting: string, isDefault: boolean): Promise<number> {
    if (wished === 0) return await this.any();
    for (let port = wished; port <= Math.min(wished + NEXT_PORTS, 65_535); port += 1) {
      if (await this.#take(port)) return port;
      if (!isDefault) break;
    }
    throw cliErrors.create('ADDRESS_IN_USE', `another program listens on 127.0.0.1:${wished}`, {
      hint: `Stop it, or choose another port: --${setting} ${wished === 65_535 ? 0 : wished + 1}; 0 is any free one.`,
      details: { setting, port: wished },
    });
  }

  async #take(port: number): Promise<boolean> {
    if (this.#given.has(port) || !(await isFree(port))) return false;
    this.#given.add(port);
    return true;
  }
}
