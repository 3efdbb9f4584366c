/** A fleet on this machine: keys, a pre-shared key, members that find one another, and what to try. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { makeDirectories, silentLogger, systemRandom, systemTimers } from '@muster/core';
import { createPskFile, loadKeyPair, Psk, readPskFile } from '@muster/discovery/keys';
import type { CommandContext } from '../cli/command.ts';
import { count } from '../cli/progress.ts';
import { runService } from '../serve/run-service.ts';
import type { demoSettings } from '../settings/demo-settings.ts';
import { demoBanner, demoReadyEvent } from './banner.ts';
import { type Member, startInProcess, startProcess } from './members.ts';
import { memberNames, type PlannedMember, planDemo } from './plan.ts';
import { choosePorts } from './ports.ts';

type Context = CommandContext<typeof demoSettings>;

/** How often it is looked whether all members are ready. */
const READY_POLL_MS = 250;
const STOP_TIMEOUT_MS = 30_000;

/** Runs a demo until it is stopped. Returns the exit code; throws what kept it from running. */
export async function runDemo(context: Context): Promise<number> {
  const { io, values } = context;
  const stopping = new AbortController();
  const isTemporary = values.data === undefined;
  let folder = '';
  return await runService<readonly Member[]>(context, {
    name: 'demo',
    // Members log for themselves.
    logger: silentLogger,
    before: [
      {
        name: 'folder',
        start: async () => {
          folder = await makeFolder(values.data);
        },
        stop: async () => {
          if (isTemporary) await rm(folder, { recursive: true, force: true });
        },
      },
    ],
    stopTimeoutMs: STOP_TIMEOUT_MS,
    start: async () => {
      const fleet: Member[] = [];
      try {
        await startFleet(context, folder, fleet);
        return fleet;
      } catch (error) {
        await stopFleet(fleet);
        throw error;
      }
    },
    stop: async (fleet) => {
      stopping.abort();
      await stopFleet(fleet);
    },
    announce: (fleet) => {
      const { launcher } = io;
      const announcement = { fleet, folder, isTemporary, launcher, processes: values.processes };
      context.print(demoReadyEvent(announcement), demoBanner(announcement));
      void tellWhenReady(context, fleet, stopping.signal);
      for (const member of fleet) void tellEnd(context, member, stopping.signal);
    },
  });
}

async function makeFolder(given: string | undefined): Promise<string> {
  if (given === undefined) return await mkdtemp(join(tmpdir(), 'muster-demo-'));
  await makeDirectories(given, { mode: 0o700 });
  return resolve(given);
}

/** Makes keys where there are none, then starts the indexers together, then the nodes. */
async function startFleet({ io, values, progress }: Context, folder: string, fleet: Member[]): Promise<void> {
  const plan = await makePlan(values, folder);
  const start = values.processes ? startProcess : startInProcess;
  for (const role of ['indexer', 'node'] as const) {
    const members = plan.filter((member) => member.role === role);
    const started = await Promise.allSettled(
      members.map(async (member) => {
        const running = await start(member, io);
        fleet.push(running);
        progress.update(`${count(fleet.length, 'member')} of ${plan.length} started`);
      }),
    );
    for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason;
  }
  const order = new Map(plan.map(({ name }, index) => [name, index]));
  fleet.sort((a, b) => (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0));
}

async function makePlan(values: Context['values'], folder: string): Promise<readonly PlannedMember[]> {
  const { indexers, nodes, port, logLevel } = values;
  const pskPath = join(folder, 'psk.key');
  await makePsk(pskPath);
  const names = memberNames(indexers, nodes);
  const ids: string[] = [];
  for (const name of names) {
    const own = join(folder, name);
    const { identity } = await loadKeyPair(
      { privateKeyPath: join(own, 'private.pem'), publicKeyPath: join(own, 'public.pem') },
      { generate: true },
    );
    ids.push(identity.peerId);
  }
  const ports = await choosePorts(port, indexers, nodes, systemRandom);
  return planDemo({ indexers, nodes, ports, indexerIds: ids.slice(0, indexers), folder, pskPath, logLevel });
}

async function makePsk(path: string): Promise<void> {
  try {
    await readPskFile(path);
  } catch {
    // Not there, or no key: the second makes this fail, and says what is wrong.
    await createPskFile(path, Psk.generate(systemRandom));
  }
}

async function stopFleet(fleet: readonly Member[]): Promise<void> {
  await Promise.all(fleet.map(async (member) => await member.stop()));
}

/** Says when every member does what its role asks for. */
async function tellWhenReady(context: Context, fleet: readonly Member[], signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  const waiting = new Set(fleet);
  while (waiting.size > 0 && !signal.aborted) {
    const looks = [...waiting].map(async (member) => {
      if (await isReady(member, signal)) waiting.delete(member);
    });
    await Promise.all(looks);
    await systemTimers.sleep(READY_POLL_MS, signal).catch(() => {});
  }
  if (signal.aborted) return;
  const ms = Math.round(performance.now() - startedAt);
  if (context.json) context.print({ event: 'converged', members: fleet.length, ms }, '');
  else
    context.note(
      `All ${fleet.length} members are ready, ${(ms / 1000).toFixed(1)} s after the last was started.`,
    );
}

async function isReady({ status }: Member, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(`http://${status}/readyz`, { signal });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Says when a member ends that nobody has stopped: that is what a demo is for. */
async function tellEnd(context: Context, member: Member, signal: AbortSignal): Promise<void> {
  const how = await member.ended;
  if (signal.aborted) return;
  if (context.json) context.print({ event: 'ended', name: member.name, how }, '');
  else context.note(`${member.name} has ended (${how}); the others go on.`);
}
