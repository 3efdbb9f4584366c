/** `muster top`: a fleet on the whole screen, or as text or JSON in a pipe. */
import { styleText } from 'node:util';
import { EXIT_CODES, Lifecycle, silentLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import type { FleetSnapshot } from '@muster/dashboard';
import { stateOf } from '@muster/dashboard';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CommandContext } from '../cli/command.ts';
import type { Terminal } from '../cli/terminal.ts';
import { readFleetFile } from '../fleet/fleet-files.ts';
import type { topSettings } from '../settings/top-settings.ts';
import { followPage, readFleet } from './page-feed.ts';
import { bodyRows, type Paint, render, renderPlain, type Style } from './render.ts';
import { paneView } from './panes.ts';
import { initialTop, keysOf, press, type TopState } from './top-state.ts';

type Context = CommandContext<typeof topSettings>;

/** At most ten pictures a second. */
const REDRAW_MS = 100;
/** Ages on the screen grow even when nothing happens. */
const IDLE_REDRAW_MS = 1_000;

/** Runs until it is ended. Returns the exit code; rejects FLEET_NOT_RUNNING, PAGE_UNREACHABLE. */
export async function runTop(context: Context): Promise<number> {
  const { io, values, json } = context;
  const page = values.page ?? (await readFleetFile(values.fleet)).page;
  const address = new URL(page).host;
  const { terminal } = io;
  if (json && !values.once) return await printChanges(context, address);
  if (json || values.once || terminal === undefined) {
    const snapshot = await readOnce(address, values.timeoutMs);
    const state: TopState = {
      ...initialTop(page),
      connection: { kind: 'connected' },
      fleet: stateOf(snapshot),
    };
    context.print(snapshot, renderPlain(state, snapshot.at));
    return EXIT_CODES.ok.code;
  }
  return await untilStopped(context, async (signal) => await showScreen(terminal, page, address, signal));
}

async function readOnce(address: string, timeoutMs: number): Promise<FleetSnapshot> {
  try {
    return await readFleet(address, AbortSignal.timeout(timeoutMs));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw cliErrors.create('PAGE_UNREACHABLE', `no page of a fleet answers at ${address}: ${reason}`, {
      cause,
    });
  }
}

/** One line of JSON for the snapshot, and one for each change, until it is stopped. */
async function printChanges(context: Context, address: string): Promise<number> {
  await readOnce(address, context.values.timeoutMs);
  return await untilStopped(context, async (signal) => {
    await followPage({
      address,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      signal,
      onState: () => undefined,
      onConnection: (connection) => {
        if (connection.kind === 'lost') context.print({ event: 'lost', reason: connection.reason }, '');
      },
      onEvent: ({ name, data }) =>
        context.io.stdout.write(`{"event":${JSON.stringify(name)},"data":${data}}\n`),
    });
  });
}

/** Runs something until it ends, the process is asked to stop, or nobody reads the output any more. */
async function untilStopped(context: Context, run: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const stopping = new AbortController();
  const lifecycle = new Lifecycle({ timers: systemTimers, logger: silentLogger });
  lifecycle.add({ name: 'top', stop: () => stopping.abort() });
  await lifecycle.start();
  const ignoreSignals = context.io.stopOnSignals(lifecycle);
  // What waits for a person must not end because nothing else is left to do.
  const keepAlive = setInterval(() => undefined, 1 << 30);
  try {
    await run(AbortSignal.any([stopping.signal, context.io.stdout.closed]));
    return EXIT_CODES.ok.code;
  } finally {
    clearInterval(keepAlive);
    ignoreSignals();
  }
}

/** Shows the fleet on a terminal until `q` is pressed or the signal is aborted. The terminal is put back whatever happens. */
export async function showScreen(
  terminal: Terminal,
  page: string,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  const screen = new Screen(terminal, page);
  const quits = new AbortController();
  const either = AbortSignal.any([signal, quits.signal]);
  const close = terminal.open({
    onInput: (text) => screen.input(text, () => quits.abort()),
    onResize: () => screen.resized(),
  });
  const timers = [
    systemTimers.every(REDRAW_MS, () => screen.draw()),
    systemTimers.every(IDLE_REDRAW_MS, () => screen.touch()),
  ];
  try {
    screen.draw();
    await followPage({
      address,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      signal: either,
      onState: (fleet) => screen.change({ fleet }),
      onConnection: (connection) => screen.change({ connection }),
    });
  } finally {
    for (const timer of timers) timer.cancel();
    close();
  }
}

class Screen {
  readonly #terminal: Terminal;
  #state: TopState;
  #isDirty = true;
  /** The lines that are on the screen. */
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal, page: string) {
    this.#terminal = terminal;
    this.#state = initialTop(page);
  }

  change(part: Partial<TopState>): void {
    this.#state = { ...this.#state, ...part };
    this.#isDirty = true;
  }

  touch(): void {
    this.#isDirty = true;
  }

  resized(): void {
    this.#drawn = [];
    this.#terminal.write('\u001b[2J');
    this.#isDirty = true;
    this.draw();
  }

  input(text: string, quit: () => void): void {
    for (const key of keysOf(text)) {
      const rows = paneView(this.#state, systemClock.now()).rows.length;
      const after = press(this.#state, key, rows, bodyRows(this.#terminal.size().rows));
      if (after === 'quit') return quit();
      this.#state = after;
      this.#isDirty = true;
    }
  }

  /** Writes those lines that have changed. */
  draw(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const lines = this.#lines();
    const changed = lines.flatMap((line, row) =>
      this.#drawn[row] === line ? [] : [`\u001b[${row + 1};1H${line}`],
    );
    this.#drawn = lines;
    if (changed.length > 0) this.#terminal.write(changed.join(''));
  }

  #lines(): readonly string[] {
    const now = systemClock.now();
    const size = this.#terminal.size();
    try {
      return render(this.#state, size, now, paint);
    } catch {
      // What came is not what a page of this version sends.
      const connection = {
        kind: 'lost',
        reason: 'the page sends what this version cannot show',
        since: now,
      } as const;
      this.#state = { ...this.#state, fleet: undefined, connection };
      return render(this.#state, size, now, paint);
    }
  }
}

const STYLES: Readonly<Record<Style, Parameters<typeof styleText>[0]>> = {
  plain: [],
  good: 'green',
  warn: 'yellow',
  bad: 'red',
  dim: 'dim',
  title: 'bold',
  heading: 'underline',
  selected: 'inverse',
  active: ['bold', 'inverse'],
};

const COLOURS: ReadonlySet<Style> = new Set(['good', 'warn', 'bad']);

/** `NO_COLOR` is obeyed by leaving colours out; what is selected is still seen. */
const paint: Paint = (style, text) => {
  if (style === 'plain' || (COLOURS.has(style) && (process.env['NO_COLOR'] ?? '') !== '')) return text;
  return styleText(STYLES[style], text, { validateStream: false });
};
