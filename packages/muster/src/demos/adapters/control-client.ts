/** Asks the control address of a fleet. */
import { readFile } from 'node:fs/promises';
import { errorCode } from '@muster/core';
import { fleetErrors } from '../../fleet/fleet-errors.ts';
import type { FleetFile, FleetMember } from '../../fleet/fleet-file.ts';
import type { FleetControl } from '../ports.ts';

/** A member may take this long to start on a busy machine; anything else is done in a moment. */
const TIMEOUT_MS = 75_000;

/** Its calls reject with CONTROL_UNREACHABLE, CONTROL_REFUSED, CONTROL_UNAUTHORIZED. */
export class ControlClient implements FleetControl {
  readonly #url: string;
  readonly #token: string;

  private constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Of the fleet that the file describes. */
  static async open({ control }: Pick<FleetFile, 'control'>): Promise<ControlClient> {
    return new ControlClient(control.url, (await readFile(control.tokenFile, 'utf8')).trim());
  }

  async fleet(): Promise<FleetFile> {
    return (await this.#ask('GET', '/fleet')) as FleetFile;
  }

  async add(member: Parameters<FleetControl['add']>[0]): Promise<FleetMember> {
    return (await this.#ask('POST', '/members', member)) as FleetMember;
  }

  async remove(name: string): Promise<void> {
    await this.#ask('DELETE', `/members/${name}`);
  }

  async kill(name: string): Promise<void> {
    await this.#ask('POST', `/members/${name}/kill`);
  }

  async restart(name: string): Promise<FleetMember> {
    return (await this.#ask('POST', `/members/${name}/restart`)) as FleetMember;
  }

  async resume(name: string): Promise<void> {
    await this.#ask('POST', `/members/${name}/resume`);
  }

  async cut(groups: readonly (readonly string[])[]): Promise<void> {
    await this.#ask('POST', '/cut', { groups });
  }

  async heal(): Promise<void> {
    await this.#ask('DELETE', '/cut');
  }

  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    let response: Response;
    try {
      response = await fetch(`${this.#url}${path}`, {
        method,
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      const reason = errorCode((cause as Error).cause) ?? (cause as Error).message;
      throw fleetErrors.create(
        'CONTROL_UNREACHABLE',
        `the fleet does not answer at ${this.#url} (${reason})`,
        {
          cause,
        },
      );
    }
    const answer = (await response.json().catch(() => ({}))) as { readonly error?: unknown };
    if (response.ok) return answer;
    throw fleetErrors.create(
      response.status === 401 ? 'CONTROL_UNAUTHORIZED' : 'CONTROL_REFUSED',
      `${method} ${path}: ${messageOf(answer.error) ?? `the fleet answers ${response.status}`}`,
      { details: { status: response.status } },
    );
  }
}

function messageOf(error: unknown): string | undefined {
  if (typeof error === 'string') return error;
  const { message } = (error ?? {}) as { readonly message?: unknown };
  return typeof message === 'string' ? message : undefined;
}
