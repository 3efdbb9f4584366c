/** Runs a demo as a command: told as it happens, ended by signals, with the fleet put right in any case. */
import { join } from 'node:path';
import {
  errorCode,
  EXIT_CODES,
  Lifecycle,
  silentLogger,
  stopOutcome,
  systemClock,
  systemTimers,
} from '@muster/core';
import type { FileLock } from '@muster/core/file-lock';
import type { CommandContext } from '../cli/command.ts';
import type { FleetFile } from '../fleet/fleet-file.ts';
import { readFleetFile } from '../fleet/fleet-files.ts';
import type { demosSettings } from '../settings/demos-settings.ts';
import { ControlClient } from './adapters/control-client.ts';
import { takeDemoLock } from './adapters/demo-lock.ts';
import { showCheck, showReport, showStep } from './show.ts';
import { type DemoReport, runScript, type Script, type StoryParts } from './story.ts';

type Context = CommandContext<typeof demosSettings>;

/** Starting members again may take a minute on a busy machine. */
const PUT_RIGHT_TIMEOUT_MS = 120_000;

/** What a demo is made from. */
export interface DemoPlace {
  readonly fleet: FleetFile;
  readonly control: ControlClient;
  readonly signal: AbortSignal;
}

/**
 * Runs it. Returns 0 when all checks passed, 13 when one did not. Throws FLEET_NOT_RUNNING, FLEET_FOLDER_DAMAGED,
 * CONTROL_UNREACHABLE, CONTROL_UNAUTHORIZED, DEMO_RUNNING: then nothing was done.
 */
export async function runDemo(
  context: Context,
  demo: string,
  prepare: (place: DemoPlace) => Script,
): Promise<number> {
  const { io, values, json } = context;
  const file = await readFleetFile(values.fleet);
  const control = await ControlClient.open(file);
  const fleet = await control.fleet();
  const ending = new AbortController();
  const ended = Promise.withResolvers<void>();
  const lifecycle = new Lifecycle({ timers: systemTimers, logger: silentLogger });
  let lock: FileLock | undefined;
  lifecycle.add({
    name: 'lock',
    start: async () => {
      lock = await takeDemoLock(join(file.folder, 'demo.lock'));
    },
    stop: () => lock?.release(),
  });
  lifecycle.add({
    name: 'demo',
    stopTimeoutMs: PUT_RIGHT_TIMEOUT_MS,
    stop: async () => {
      ending.abort(new Error('interrupted'));
      await ended.promise;
    },
  });
  const ignoreSignals = io.stopOnSignals(lifecycle);
  try {
    await lifecycle.start();
    if (!json) io.stdout.write(`muster demo ${demo}: with the fleet in ${file.folder}\n\n`);
    const script = prepare({ fleet, control, signal: ending.signal });
    const report = await tellScript(context, demo, ending.signal, script);
    ended.resolve();
    context.print(report, showReport(report));
    const outcome = stopOutcome(await lifecycle.stop('done'));
    if (!report.passed) return EXIT_CODES.checkFailed.code;
    return EXIT_CODES[outcome].code;
  } catch (error) {
    if (errorCode(error) !== 'LIFECYCLE_STOPPED') throw error;
    await lifecycle.stopped;
    return EXIT_CODES.checkFailed.code;
  } finally {
    ended.resolve();
    await lifecycle.stop('failed');
    ignoreSignals();
  }
}

async function tellScript(
  { io, json }: Context,
  demo: string,
  signal: AbortSignal,
  script: Script,
): Promise<DemoReport> {
  const tell: StoryParts['tell'] = (event) => {
    if (!json) io.stdout.write(`${'step' in event ? showStep(event.step) : showCheck(event.check)}\n`);
  };
  return await runScript({ demo, clock: systemClock, timers: systemTimers, signal, tell }, script);
}
