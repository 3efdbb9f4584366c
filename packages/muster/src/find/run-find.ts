/** `muster find`: whom to ask follows from the settings and the fleet that runs here. */
import { join } from 'node:path';
import { RegistryClient } from '@muster/client';
import { EXIT_CODES, systemClock, systemTimers } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CommandContext } from '../cli/command.ts';
import { optionalCaller, registryAddress, tlsOf } from '../client/connect.ts';
import type { FleetFile } from '../fleet/fleet-file.ts';
import { readFleetFile, usualFleet } from '../fleet/fleet-files.ts';
import { localAddress, parseAddress } from '../settings/address.ts';
import type { findSettings } from '../settings/find-settings.ts';
import { find, type Found } from './find.ts';
import { type KnownMembers, readKnownMembers } from './known-members.ts';
import { MAX_PLACES, mismatch, OverlayLocator } from './overlay-locator.ts';
import { parseQuery } from './query.ts';
import { RegistryLocator } from './registry-locator.ts';
import { foundJson, foundText } from './show-found.ts';

type Context = CommandContext<typeof findSettings>;

/** Folder of what members of a fleet keep, within that of the fleet. */
const MEMBERS_FOLDER = 'members';

/** Returns the exit code. Throws FIND_NOBODY, FIND_KEY_MISMATCH, and what {@link find} rejects with. */
export async function runFind(context: Context): Promise<number> {
  const what = context.arguments[0] ?? '';
  const { text } = parseQuery(what);
  const startedAt = systemClock.monotonic();
  const fleet = await fleetOf(context);
  const values =
    fleet !== undefined && isDefault(context, 'registry')
      ? { ...context.values, registry: fleet.registry.address }
      : context.values;
  const known = await readKnownMembers({
    files: values.membersFile === undefined ? [] : [values.membersFile],
    folders: fleet === undefined ? [] : [join(fleet.folder, MEMBERS_FOLDER)],
  });
  const found = await ask({ context: { ...context, values }, fleet, known, what: text });
  const facts = {
    what: text,
    registry: registryAddress(values),
    ms: systemClock.monotonic() - startedAt,
    membersConfirmedAt: known.confirmedAt,
    now: systemClock.now(),
  };
  if (found.located.length > 0 || context.json)
    context.print(foundJson(found, facts), foundText(found, facts));
  if (found.conflicts.length > 0) throw mismatch(found.conflicts);
  if (found.located.length === 0) throw nobody(text, found, facts.registry);
  return EXIT_CODES.ok.code;
}

async function ask(parts: {
  readonly context: Context;
  readonly fleet: FleetFile | undefined;
  readonly known: KnownMembers;
  readonly what: string;
}): Promise<Found> {
  const { context, fleet, known, what } = parts;
  const { values } = context;
  const network = values.network ?? fleet?.registry.network;
  const caller = await optionalCaller(context);
  await using client = new RegistryClient({
    address: registryAddress(values),
    encoding: 'json',
    tls: await tlsOf(values),
    poolSize: 1,
    connectTimeoutMs: values.registrySilenceMs,
    requestTimeoutMs: values.timeoutMs,
    reconnect: { maxAttempts: 1 },
    strict: { directory: caller.identity !== undefined && caller.nodeId !== undefined },
    ...(caller.identity === undefined ? {} : { identity: caller.identity }),
    ...(caller.nodeId === undefined ? {} : { nodeId: caller.nodeId }),
  });
  const places = placesOf(context, fleet);
  const clock = systemClock;
  const timers = systemTimers;
  return await find(what, {
    registry: new RegistryLocator({
      client,
      networks: network === undefined ? [] : [network],
      contactMs: values.registrySilenceMs,
      clock,
      nodeIdHint: (peerId) => known.member(peerId)?.nodeId,
    }),
    overlay: places.length === 0 ? undefined : new OverlayLocator({ places, known, clock, timers }),
    registryMs: values.timeoutMs,
    overlayMs: values.timeoutMs,
    timers,
  });
}

/** The fleet that was named, or the one that runs in the usual folder. Rejects FLEET_NOT_RUNNING, FLEET_FOLDER_DAMAGED. */
async function fleetOf(context: Context): Promise<FleetFile | undefined> {
  const { fleet } = context.values;
  if (fleet !== undefined) return await readFleetFile(fleet);
  const isNamed = !isDefault(context, 'registry') || context.values.status.length > 0;
  return isNamed ? undefined : await usualFleet();
}

function isDefault({ config }: Context, key: string): boolean {
  return (config.sources.get(key) ?? 'default') === 'default';
}

function placesOf({ values }: Context, fleet: FleetFile | undefined): readonly string[] {
  const given = values.status.flatMap((text) => parseAddress(text) ?? []).map(localAddress);
  if (given.length > 0) return given;
  // Nodes ask the indexers that they trust; what an indexer says of itself is known to itself alone.
  const members =
    fleet?.members.filter(({ state, status }) => state === 'running' && status !== undefined) ?? [];
  const nodes = members.filter(({ role }) => role === 'node').slice(0, MAX_PLACES / 2);
  const ranked = [...nodes, ...members.filter(({ role }) => role === 'indexer')];
  return ranked.flatMap(({ status }) => status ?? []);
}

function nobody(what: string, found: Found, registry: string): Error {
  const asked =
    found.source === 'registry'
      ? `the registry at ${registry} knows nobody`
      : `the registry at ${registry} does not answer (${found.registryFailure?.message ?? 'not asked'}), and the overlay knows nobody`;
  return cliErrors.create('FIND_NOBODY', `${asked} by ${JSON.stringify(what)}`, { details: { what } });
}
