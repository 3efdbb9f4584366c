/**
 * A member of a fleet as a process: started, watched, paused, killed, started again. Its first line on the standard output says
 * that it is ready; everything else goes into its log. It ends with the channel to this process, however this one ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import process from 'node:process';
import { MusterError, type Timers } from '@muster/core';
import { fleetErrors } from '../fleet/fleet-errors.ts';
import type { FleetMember, MemberState } from '../fleet/fleet-file.ts';
import type { BoundedLog } from './bounded-log.ts';
import { commandLineOf, type PlannedMember } from './plan.ts';

/** How long a member may take until it is ready: a busy machine with two cores starts a dozen at once. */
export const START_TIMEOUT_MS = 60_000;
/** How long it may take to stop before it is killed. */
export const STOP_TIMEOUT_MS = 12_000;
/** The line that says that a member is ready is a few kB long. */
const MAX_READY_LINE = 256 * 1024;

export interface MemberParts {
  readonly planned: PlannedMember;
  /** Path of the program, as `node` is told it. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: BoundedLog;
  readonly timers: Timers;
  /** Told after each change of state. */
  readonly onChange: () => void;
  /** Makes of the ready line what the fleet file says of it. */
  readonly describe: (ready: Readonly<Record<string, unknown>>) => Partial<FleetMember>;
}

/** One member. */
export class MemberProcess {
  readonly planned: PlannedMember;
  readonly #parts: MemberParts;
  #child: ChildProcess | undefined;
  #state: MemberState = 'starting';
  #facts: Partial<FleetMember> = {};
  #lastError: Error | undefined;
  #ending: MemberState | undefined;

  constructor(parts: MemberParts) {
    this.#parts = parts;
    this.planned = parts.planned;
  }

  get name(): string {
    return this.planned.name;
  }

  get state(): MemberState {
    return this.#state;
  }

  /** As the fleet file shows it. */
  get member(): FleetMember {
    const { name, role, misbehaves } = this.planned;
    const pid = this.#child?.pid;
    return {
      name,
      role,
      state: this.#state,
      ...(pid === undefined || !this.#isAlive() ? {} : { pid }),
      ...this.#facts,
      ...(misbehaves === undefined ? {} : { misbehaves }),
    };
  }

  /** What is learnt of it later. */
  learn(facts: Partial<FleetMember>): void {
    this.#facts = { ...this.#facts, ...facts };
    this.#parts.onChange();
  }

  /** Starts it; resolves when it is ready. Rejects FLEET_MEMBER_FAILED when it ends first, or takes too long. */
  async start(): Promise<void> {
    if (this.#isAlive()) {
      throw fleetErrors.create('FLEET_MEMBER_STATE', `${this.name} runs already`, {
        details: { name: this.name, state: this.#state },
      });
    }
    this.#ending = undefined;
    this.#lastError = undefined;
    const child = this.#spawn();
    this.#child = child;
    this.#to('starting');
    const late = this.#parts.timers.after(START_TIMEOUT_MS, () => {
      this.#lastError = new Error(`it was not ready within ${START_TIMEOUT_MS / 1000} s`);
      this.#ending = 'failed';
      child.kill('SIGKILL');
    });
    const ended = this.#watchEnd(child);
    try {
      const first = await Promise.race([readyLine(child), ended]);
      if (first === undefined) throw this.#failed();
      this.#facts = { ...this.#facts, ...this.#parts.describe(first) };
      // It may have been paused or asked to stop by now.
      if (this.#state === 'starting') this.#to('running');
    } finally {
      late.cancel();
    }
  }

  /** Ends it as an operator does; after a while as a crash does. Never rejects. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM', 'stopped');
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL', 'killed');
  }

  pause(): void {
    this.#require('running');
    this.#child?.kill('SIGSTOP');
    this.#to('paused');
  }

  resume(): void {
    this.#require('paused');
    this.#child?.kill('SIGCONT');
    this.#to('running');
  }

  /** Tells it something over its channel; nothing when it does not run. */
  send(message: object): void {
    if (this.#child?.connected !== true) return;
    // A process that is ending may close the channel at any time: its end is told otherwise.
    this.#child.send(message, () => {});
  }

  /** After its end. */
  closeLog(): void {
    this.#parts.log.close();
  }

  #spawn(): ChildProcess {
    const { planned, program, environment } = this.#parts;
    return spawn(process.execPath, commandLineOf(planned, program), {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: Ctrl-C in the terminal is for the supervisor, which stops its members in order.
      detached: true,
      env: { ...environment, ...planned.environment },
    });
  }

  /** Writes its log, and notes its end. Resolves when it has ended. */
  async #watchEnd(child: ChildProcess): Promise<undefined> {
    const { log } = this.#parts;
    createInterface(child.stderr as Readable).on('line', (line) => {
      this.#lastError = errorOf(line) ?? this.#lastError ?? new Error(line);
      log.write(line);
    });
    child.on('error', (error) => {
      this.#lastError = error;
    });
    try {
      await once(child, 'close');
    } catch {
      // It could not be started at all; `error` has told why.
    }
    if (this.#child !== child) return undefined;
    const how = child.signalCode ?? `exit code ${child.exitCode}`;
    log.write(`-- ${this.name} has ended: ${how}`);
    this.#to(this.#ending ?? (child.signalCode === 'SIGKILL' ? 'killed' : 'failed'));
    return undefined;
  }

  async #end(signal: NodeJS.Signals, as: MemberState): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.#isAlive()) {
      if (this.#state !== as && as === 'stopped') this.#to('stopped');
      return;
    }
    this.#ending = as;
    const closed = once(child, 'close');
    child.kill(signal);
    // A paused process hears of a signal when it goes on.
    child.kill('SIGCONT');
    const late = this.#parts.timers.after(STOP_TIMEOUT_MS, () => child.kill('SIGKILL'));
    await closed;
    late.cancel();
  }

  #isAlive(): boolean {
    const child = this.#child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }

  #require(state: MemberState): void {
    if (this.#state === state && this.#isAlive()) return;
    throw fleetErrors.create('FLEET_MEMBER_STATE', `${this.name} is ${this.#state}, not ${state}`, {
      details: { name: this.name, state: this.#state },
    });
  }

  /** Its cause is what the member itself has said, so that the exit code is that of the cause. */
  #failed(): Error {
    const cause = this.#lastError;
    const reason = cause?.message ?? this.#child?.signalCode ?? `exit code ${this.#child?.exitCode}`;
    const log = `Its log, logs/${this.name}.log in the folder of the fleet, may say more.`;
    const hint = cause instanceof MusterError && cause.hint !== undefined ? cause.hint : log;
    return fleetErrors.create('FLEET_MEMBER_FAILED', `${this.name} did not start: ${reason}`, {
      hint,
      details: { name: this.name },
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #to(state: MemberState): void {
    this.#state = state;
    this.#parts.onChange();
  }
}

/** What the first line says; never resolves when there is none. Everything after it is read and dropped. */
async function readyLine(child: ChildProcess): Promise<Readonly<Record<string, unknown>>> {
  const { promise, resolve } = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  createInterface(child.stdout as Readable).on('line', (line) => {
    if (line.length > MAX_READY_LINE) return;
    try {
      const value = JSON.parse(line) as { readonly event?: unknown } | null;
      if (value?.event === 'ready') resolve(value);
    } catch {
      // No event: nothing that is waited for.
    }
  });
  return await promise;
}

/** The error that a line tells of, as commands write it with --json. */
function errorOf(line: string): Error | undefined {
  try {
    const { error } = JSON.parse(line) as { error?: { code?: unknown; message?: unknown; hint?: unknown } };
    if (typeof error?.message !== 'string' || typeof error.code !== 'string') return undefined;
    const hint = typeof error.hint === 'string' ? { hint: error.hint } : {};
    return new MusterError(error.code, error.message, hint);
  } catch {
    return undefined;
  }
}
