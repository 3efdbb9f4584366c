/** What a command line of `muster doctor` names, and what is looked at when it names nothing. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConfigValues, errorCode } from '@muster/core';
import { tlsOf } from '../client/connect.ts';
import {
  DEFAULT_FLEET_FOLDER,
  FLEET_FILE_NAME,
  isProcess,
  readFleetFileIfThere,
} from '../fleet/fleet-files.ts';
import type { FleetFile } from '../fleet/fleet-file.ts';
import { fleetErrors } from '../fleet/fleet-errors.ts';
import { expandHome } from '../client/key-files.ts';
import { localAddress, parseAddress } from '../settings/address.ts';
import type { doctorSettings } from '../settings/doctor-settings.ts';
import { ok, problem } from './finding.ts';
import { lookAt } from './probes/file.ts';
import { subjectOfFleet } from './subject-of-fleet.ts';
import { subjectOfService } from './subject-of-services.ts';
import { NOTHING, type RegistryPlace, type SecretFile, type Subject, together } from './subject.ts';

type Values = ConfigValues<typeof doctorSettings>;

/** Where a command is run. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** Where the value of each setting came from. */
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * Everything that is named. Rejects FLEET_NOT_RUNNING when a fleet is named and was never there, FLEET_FOLDER_DAMAGED, and USAGE for a
 * service of an unknown kind; what is wrong with the configuration of a service is a finding.
 */
export async function subjectOf(values: Values, surroundings: Surroundings): Promise<Subject> {
  const fleet = await fleetSubject(values);
  const services = values.service.map(({ kind = '', file = '' }) => serviceSubject(kind, file, surroundings));
  const named = await flagSubject(values, surroundings);
  const subjects = [
    ...(fleet === undefined ? [] : [fleet]),
    ...services,
    ...(named === undefined ? [] : [named]),
  ];
  return together(subjects.length > 0 ? subjects : [await defaultSubject(surroundings)]);
}

async function fleetSubject(values: Values): Promise<Subject | undefined> {
  const given = values.fleet?.replace(/\/fleet\.json$/, '');
  const folder = given ?? DEFAULT_FLEET_FOLDER;
  const fleet = await readFleetFileIfThere(folder);
  if (fleet !== undefined) return await fleetSubjectOf(fleet, folder);
  if (given === undefined) return undefined;
  throw fleetErrors.create('FLEET_NOT_RUNNING', `there is no ${join(given, FLEET_FILE_NAME)}`, {
    details: { folder: given },
  });
}

async function fleetSubjectOf(fleet: FleetFile, folder: string): Promise<Subject> {
  const keys = new Map<string, string>();
  for (const { name, role } of fleet.members) {
    const path = join(fleet.folder, 'keys', `${name}.pem`);
    if (role !== 'origin' && (await lookAt(path)).kind === 'found') keys.set(name, path);
  }
  return subjectOfFleet(fleet, {
    path: join(folder, FLEET_FILE_NAME),
    isRunning: isProcess(fleet.pid),
    adminToken: await tokenIn(fleet.registry.adminTokenFile),
    keys,
  });
}

async function tokenIn(path: string): Promise<string | undefined> {
  try {
    const token = (await readFile(path, 'utf8')).trim();
    return token === '' ? undefined : token;
  } catch {
    return undefined;
  }
}

function serviceSubject(kind: string, file: string, { environment }: Surroundings): Subject {
  try {
    const subject = subjectOfService(kind, file, environment);
    return { ...subject, configuration: [ok(kind, `${file} is understood`)] };
  } catch (error) {
    if (errorCode(error) !== 'CONFIG_INVALID') throw error;
    return {
      ...NOTHING,
      from: [`${kind}, ${file}`],
      configuration: [
        problem(
          kind,
          (error as Error).message,
          `Correct ${file}; docs/reference/settings.md has every setting.`,
        ),
      ],
    };
  }
}

async function flagSubject(values: Values, surroundings: Surroundings): Promise<Subject | undefined> {
  const { homeDirectory, sources } = surroundings;
  const isRegistryNamed = sources.get('registry') !== 'default';
  const { data, keys, status, ops, registryHttp } = values;
  const nothing = [data, keys, status, ops].every((list) => list.length === 0);
  if (nothing && registryHttp === undefined && !isRegistryNamed) return undefined;
  return {
    ...NOTHING,
    from: ['what the command line names'],
    folders: data.map((path) => ({ owner: path, path, setting: '--data', isSecret: true, isDurable: true })),
    secrets: keys.map((path) => keyFile(expandHome(path, homeDirectory), '--keys', false)),
    endpoints: [
      ...(registryHttp === undefined
        ? []
        : [endpoint('the registry', 'registry', registryHttp, '--registry-http')]),
      ...status.map((address) => endpoint(address, 'status', address, '--status')),
      ...ops.map((address) => endpoint(address, 'mirror', address, '--ops')),
    ],
    registries: isRegistryNamed ? [await registryPlace(values, true)] : [],
  };
}

function endpoint(
  owner: string,
  kind: Subject['endpoints'][number]['kind'],
  text: string,
  setting: string,
): Subject['endpoints'][number] {
  const address = parseAddress(text);
  return {
    owner,
    kind,
    address: address === undefined ? text : localAddress(address),
    setting,
    isExpected: true,
  };
}

function keyFile(path: string, setting: string, isMade: boolean): SecretFile {
  return { kind: 'key', owner: path, path, setting, isMade };
}

async function registryPlace(values: Values, isExpected: boolean): Promise<RegistryPlace> {
  const address = parseAddress(values.registry);
  return {
    address: address === undefined ? values.registry : localAddress(address),
    setting: '--registry',
    isExpected,
    tls: await tlsOf(values),
    adminToken: values.adminToken,
    network: values.network,
  };
}

/** What this machine would run without any settings. */
async function defaultSubject({ homeDirectory }: Surroundings): Promise<Subject> {
  const { registrySettings } = await import('../settings/registry-settings.ts');
  const registry = parseAddress(registrySettings['registry-addr'].default) as NonNullable<
    ReturnType<typeof parseAddress>
  >;
  return {
    ...NOTHING,
    from: ['this machine, as a first registry and a first node would find it'],
    ports: [{ owner: 'a registry', address: registry, setting: 'registry-addr', running: undefined }],
    folders: [
      {
        owner: 'a registry',
        path: join(process.cwd(), registrySettings.data.default),
        setting: 'data',
        isSecret: true,
        isDurable: true,
      },
    ],
    secrets: [keyFile(join(homeDirectory, '.muster', 'node.pem'), '--key', true)],
  };
}
