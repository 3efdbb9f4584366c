/** A demo as it goes: what it does, step by step; what it measures; what it checks; and what is to be put right at the end. */
import type { Clock, Timers } from '@muster/core';
import { errorCode } from '@muster/core';

export interface Step {
  /** Since the beginning. */
  readonly atMs: number;
  readonly text: string;
}

/** What a checker says. */
export interface Check {
  /** What must hold, in words. */
  readonly name: string;
  readonly passed: boolean;
  /** What was seen, with figures. */
  readonly found: string;
}

/** Everything about one run. */
export interface DemoReport {
  readonly demo: string;
  readonly passed: boolean;
  readonly ms: number;
  readonly steps: readonly Step[];
  readonly checks: readonly Check[];
  readonly figures: Readonly<Record<string, number | string>>;
  /** What could not be put right; empty when the fleet is as it was found. */
  readonly leftBehind: readonly string[];
}

export interface StoryParts {
  readonly demo: string;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Aborted when the demo is to end early. */
  readonly signal: AbortSignal;
  /** Hears of everything as it happens. */
  readonly tell: (event: { readonly step: Step } | { readonly check: Check }) => void;
}

/** How often a condition is looked at. */
const POLL_MS = 200;

/** Collects the report of a demo while it runs. */
export class Story {
  readonly signal: AbortSignal;
  readonly #parts: StoryParts;
  readonly #startedAt: number;
  readonly #steps: Step[] = [];
  readonly #checks: Check[] = [];
  readonly #figures: Record<string, number | string> = {};
  readonly #undo: { readonly what: string; readonly action: () => Promise<unknown> }[] = [];

  constructor(parts: StoryParts) {
    this.#parts = parts;
    this.signal = parts.signal;
    this.#startedAt = parts.clock.monotonic();
  }

  /** Milliseconds since the beginning. */
  now(): number {
    return this.#parts.clock.monotonic() - this.#startedAt;
  }

  /** Tells what is done next, or what was seen. Ends the demo when it was asked to end. */
  step(text: string): void {
    this.signal.throwIfAborted();
    const step = { atMs: Math.round(this.now()), text };
    this.#steps.push(step);
    this.#parts.tell({ step });
  }

  /** Keeps a figure. Numbers are rounded to tenths. */
  figure(name: string, value: number | string): void {
    this.#figures[name] = typeof value === 'number' ? Math.round(value * 10) / 10 : value;
  }

  check(...checks: readonly Check[]): void {
    for (const check of checks) {
      this.#checks.push(check);
      this.#parts.tell({ check });
    }
  }

  /** Something that must be done at the end, however it comes. The last one is done first. Returns what takes it back. */
  undo(what: string, action: () => Promise<unknown>): () => void {
    const entry = { what, action };
    this.#undo.push(entry);
    return () => {
      const index = this.#undo.indexOf(entry);
      if (index !== -1) this.#undo.splice(index, 1);
    };
  }

  /** Looks until there is an answer, or the time is over: then undefined. An attempt that fails is one without an answer. */
  async until<T>(withinMs: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
    const end = this.now() + withinMs;
    for (;;) {
      this.signal.throwIfAborted();
      const answer = await look().catch(() => undefined);
      if (answer !== undefined) return answer;
      if (this.now() >= end) return undefined;
      await this.#parts.timers.sleep(POLL_MS, this.signal).catch(() => {});
    }
  }

  /** Lets time pass. */
  async pause(ms: number): Promise<void> {
    await this.#parts.timers.sleep(ms, this.signal).catch(() => {});
    this.signal.throwIfAborted();
  }

  /** Puts everything right. Returns what could not be. */
  async putRight(): Promise<readonly string[]> {
    const failed: string[] = [];
    for (let entry = this.#undo.pop(); entry !== undefined; entry = this.#undo.pop()) {
      try {
        await entry.action();
      } catch (error) {
        failed.push(`${entry.what}: ${(error as Error).message}`);
      }
    }
    return failed;
  }

  report(leftBehind: readonly string[]): DemoReport {
    return {
      demo: this.#parts.demo,
      passed:
        this.#checks.length > 0 && this.#checks.every(({ passed }) => passed) && leftBehind.length === 0,
      ms: Math.round(this.now()),
      steps: this.#steps,
      checks: this.#checks,
      figures: this.#figures,
      leftBehind,
    };
  }
}

/** The script of a demo. It tells and checks by the story. */
export type Script = (story: Story) => Promise<void>;

/**
 * Runs a script to its end and puts everything right, whatever happens. What the script throws is a check that failed. Never
 * rejects.
 */
export async function runScript(parts: StoryParts, script: Script): Promise<DemoReport> {
  const story = new Story(parts);
  try {
    await script(story);
  } catch (error) {
    const found = parts.signal.aborted ? 'it was interrupted' : describe(error);
    story.check({ name: 'The demo comes to its end', passed: false, found });
  }
  return story.report(await story.putRight());
}

function describe(error: unknown): string {
  const code = errorCode(error);
  const { message } = error as Error;
  return code === undefined ? message : `${code}: ${message}`;
}
