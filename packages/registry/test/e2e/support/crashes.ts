import { RegistryClient } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { seededRandom } from '@muster/core/testing';
import { Actor } from './actor.ts';
import { ADMIN_TOKEN, type Exit, ServerProcess } from './server-process.ts';

export interface CrashPlan {
  readonly directory: string;
  readonly rounds: number;
  readonly actors: number;
  readonly seed: number;
  /** Acknowledgements of a round before the server is ended; a random part of it. */
  readonly maxAcknowledgements: number;
  /** How long a start may take; the default suits a machine that does little else. */
  readonly readyWithinMs?: number;
  /** How the server is ended. */
  readonly end: (server: ServerProcess) => Promise<Exit>;
}

export interface CrashReport {
  readonly acknowledged: number;
  readonly exits: readonly Exit[];
  /** What was acknowledged and is not there. */
  readonly differences: readonly string[];
}

/** Starts a server, loads it, ends it at a random point, and looks at what is left, again and again on one folder. */
export async function crashAgainAndAgain(plan: CrashPlan): Promise<CrashReport> {
  const random = seededRandom(plan.seed);
  const serve = { directory: plan.directory, readyWithinMs: plan.readyWithinMs ?? 60_000 };
  const differences: string[] = [];
  const exits: Exit[] = [];
  let actors: Actor[] = [];
  for (let round = 0; round <= plan.rounds; round++) {
    await using server = await ServerProcess.start(serve);
    if (actors.length === 0) {
      const network = await createNetwork(server.port);
      actors = Array.from({ length: plan.actors }, (_, i) => new Actor(i, plan.seed, network));
    }
    const found = await Promise.all(actors.map(async (actor) => actor.differences(server.port)));
    differences.push(...found.flat().map((text) => `round ${round}: ${text}`));
    // The last start only looks.
    if (round === plan.rounds || differences.length > 0) break;
    exits.push(await oneRound(plan, server, actors, random));
  }
  const acknowledged = actors.reduce((sum, actor) => sum + actor.acknowledgements, 0);
  return { acknowledged, exits, differences };
}

async function oneRound(
  plan: CrashPlan,
  server: ServerProcess,
  actors: readonly Actor[],
  random: ReturnType<typeof seededRandom>,
): Promise<Exit> {
  const target = 1 + random.integer(plan.maxAcknowledgements);
  const snapshotAt = random.integer(2 * target);
  let acknowledged = 0;
  let ended: Promise<Exit> | undefined;
  const count = (): void => {
    acknowledged++;
    if (acknowledged === snapshotAt) void takeSnapshot(server);
    if (acknowledged >= target) ended ??= plan.end(server);
  };
  await Promise.all(actors.map(async (actor) => actor.act(server.port, count, () => false)));
  if (ended === undefined) throw new Error(`the server ended by itself: ${server.errors}`);
  return ended;
}

async function takeSnapshot(server: ServerProcess): Promise<void> {
  const url = `http://127.0.0.1:${server.httpPort}/api/snapshot`;
  await fetch(url, { method: 'POST' }).catch(() => undefined);
}

/** Creates the network that actors join and leave. */
export async function createNetwork(port: number): Promise<number> {
  await using client = new RegistryClient({
    host: '127.0.0.1',
    port,
    identity: Identity.generate(),
    adminToken: ADMIN_TOKEN,
  });
  await client.register();
  return (await client.createNetwork({ name: 'crash-test' })).networkId;
}
