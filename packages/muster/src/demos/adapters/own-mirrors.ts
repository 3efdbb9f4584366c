/**
 * Further mirrors of a fleet in this process, for as long as a demo takes: the very agents that `muster mirror run` runs, each with a
 * key of its own, registered with the registry and admitted by it. A process of its own for each would take over 100 MB.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coordinationSettings } from '@muster/coordination/config';
import { loadConfig, readSecretFile, silentLogger, systemRandom, systemTimers } from '@muster/core';
import { agentState } from '../../client/ops-client.ts';
import { fewAtATime } from '../../dev/few-at-a-time.ts';
import { planMirror } from '../../dev/plan.ts';
import { PortBook } from '../../dev/port-book.ts';
import { fleetErrors } from '../../fleet/fleet-errors.ts';
import type { FleetFile } from '../../fleet/fleet-file.ts';
import { mirrorConfigOf, mirrorProblems } from '../../serve/mirror-config.ts';
import { startAgent, type StartedAgent } from '../../serve/run-mirror.ts';
import { formatAddress } from '../../settings/address.ts';
import { membershipSettings } from '../../settings/membership-settings.ts';
import type { MirrorCrowd, MirrorPlace } from '../ports.ts';

/** Mirrors that start, or stop, at one time. */
const AT_ONCE = 4;
/** How long all may take to know each other. */
const KNOWN_WITHIN_MS = 60_000;
const POLL_MS = 250;
const ASK_TIMEOUT_MS = 5_000;

interface Guest extends MirrorPlace {
  readonly ops: string;
  readonly started: StartedAgent;
}

export class OwnMirrors implements MirrorCrowd {
  readonly #fleet: FleetFile;
  readonly #signal: AbortSignal;
  readonly #guests: Guest[] = [];
  #folder: string | undefined;

  constructor(fleet: FleetFile, signal: AbortSignal) {
    this.#fleet = fleet;
    this.#signal = signal;
  }

  async start(amount: number): Promise<readonly MirrorPlace[]> {
    this.#folder = await mkdtemp(join(tmpdir(), 'muster-demo-'));
    const ports = new PortBook(systemRandom);
    const names = Array.from({ length: amount }, (_, index) => `guest-${process.pid}-${index + 1}`);
    await fewAtATime(
      AT_ONCE,
      names.map((name) => async () => {
        this.#signal.throwIfAborted();
        await this.#startOne(name, ports);
      }),
    );
    await this.#untilKnown();
    return this.#guests.map(({ name, mirror }) => ({ name, mirror }));
  }

  async stop(): Promise<void> {
    const guests = this.#guests.splice(0);
    await fewAtATime(
      AT_ONCE,
      guests.map(({ started }) => async () => {
        await started.agent.stop().catch(() => {});
        await started.release();
      }),
    );
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  /** As the fleet would start it, but with a key that is gone with it. */
  async #startOne(name: string, ports: PortBook): Promise<void> {
    const { folder, registry, origin, members } = this.#fleet;
    const facts = {
      name,
      mirrorPort: await ports.any(),
      transferPort: await ports.any(),
      opsPort: await ports.any(),
      p2pPort: await ports.any(),
      origin: origin.url,
    };
    const shared = {
      folder,
      registry: registry.address,
      network: registry.network,
      timeScale: 1,
      members: members.length,
    };
    const loaded = loadConfig(
      { ...coordinationSettings, ...membershipSettings },
      {
        flags: {
          ...planMirror(shared, facts).flags,
          'libp2p-identity-path': '',
          'cache-dir': join(this.#folder ?? '', name),
          'registry-deregister': 'true',
        },
        readSecretFile,
        check: mirrorProblems,
      },
    );
    const config = mirrorConfigOf(loaded);
    const started = await startAgent({ loaded, config, logger: silentLogger, environment: {} });
    const { mirror, metrics } = started.agent.listeners;
    this.#guests.push({ name, mirror: formatAddress(mirror), ops: formatAddress(metrics), started });
  }

  /** Until each mirror, of the fleet and of these, has all of these among its members. */
  async #untilKnown(): Promise<void> {
    const end = performance.now() + KNOWN_WITHIN_MS;
    const wanted = this.#guests.map(({ started }) => started.peerId);
    const asked = [
      ...this.#guests.map(({ ops }) => ops),
      ...this.#fleet.members.flatMap(({ role, status }) =>
        role === 'mirror' && status !== undefined ? [status] : [],
      ),
    ];
    const waiting = new Set(asked);
    while (waiting.size > 0) {
      for (const ops of waiting) if (await knowsAll(ops, wanted)) waiting.delete(ops);
      if (waiting.size === 0) return;
      if (performance.now() >= end) throw unknown(waiting.size, asked.length);
      await systemTimers.sleep(POLL_MS, this.#signal);
    }
  }
}

async function knowsAll(ops: string, wanted: readonly string[]): Promise<boolean> {
  try {
    const { peerId, members } = await agentState({ ops, timeoutMs: ASK_TIMEOUT_MS });
    const known = new Set([peerId, ...members.snapshot.map((member) => member.peerId)]);
    return wanted.every((peer) => known.has(peer));
  } catch {
    return false;
  }
}

function unknown(waiting: number, all: number): Error {
  return fleetErrors.create(
    'FLEET_MEMBER_FAILED',
    `${waiting} of ${all} mirrors did not hear of the new ones within ${KNOWN_WITHIN_MS / 1000} s`,
  );
}
