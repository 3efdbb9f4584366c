/**
 * The whole examination: looks at everything that a subject names, and has the examiners say what it means. Nothing is changed; the
 * one thing that is written is a file of its own, with which syncs are measured, and which is removed at once.
 */
import { dirname } from 'node:path';
import { systemClock } from '@muster/core';
import { agreementOf } from './examine-agreement.ts';
import { examineDisk } from './checks/disk.ts';
import { examineClocks, type OwnClock, type ToldTime } from './checks/clocks.ts';
import { examineFolder } from './checks/folders.ts';
import { examineSecrets } from './checks/keys.ts';
import { examineLeftovers } from './checks/leftovers.ts';
import { examinePorts, type PortFacts } from './checks/ports.ts';
import {
  examineEndpoint,
  examineMember,
  examineOrigin,
  examineRegistry,
  examineTarget,
} from './checks/reachability.ts';
import { examineVersions, type RunningVersion } from './checks/versions.ts';
import { type Check, type CheckedFinding, CHECKS, type Finding, warning } from './finding.ts';
import { measureDisk } from './probes/disk.ts';
import { lookAt, lookAtSecret } from './probes/file.ts';
import { getHttp, type HttpAnswer, jsonOf } from './probes/http.ts';
import { installedPackages } from './probes/installation.ts';
import { lookForLeftovers } from './probes/leftovers.ts';
import { portOwners } from './probes/port-owner.ts';
import { askRegistry } from './probes/registry.ts';
import { tryConnect, tryListen } from './probes/tcp.ts';
import type { DataFolder, Endpoint, Subject } from './subject.ts';

export interface ExamineOptions {
  readonly timeoutMs: number;
  /** Of this program. */
  readonly version: string;
  /** Hears which part comes next. */
  readonly onCheck?: (check: Check) => void;
}

/** What an endpoint answered: its readiness, and its own description. */
export interface AskedEndpoint {
  readonly endpoint: Endpoint;
  readonly health: HttpAnswer;
  readonly description: Readonly<Record<string, unknown>> | undefined;
}

/** All findings, in the order of {@link CHECKS}. Never rejects for what is wrong with the subject. */
export async function examine(subject: Subject, options: ExamineOptions): Promise<readonly CheckedFinding[]> {
  const clock = beginClock();
  const asked = await askEndpoints(subject.endpoints, options.timeoutMs);
  const secrets = await examineSecretFiles(subject);
  const parts: Readonly<Record<Check, () => Promise<readonly Finding[]>>> = {
    configuration: async () => subject.configuration,
    versions: async () =>
      examineVersions({
        node: process.versions.node,
        own: options.version,
        packages: installedPackages(),
        running: asked.map(versionOf),
      }),
    ports: async () => examinePorts(await lookAtPorts(subject)),
    disk: async () => await examineDisks(subject),
    // After the disk has been measured: the longer the two clocks run, the more a step shows.
    clocks: async () => examineClocks(clock(), asked.flatMap(timesOf)),
    keys: async () => secrets.keys,
    permissions: async () => [...secrets.permissions, ...(await examineFolders(subject))],
    reachability: async () => await examineReachability(subject, asked, options.timeoutMs),
    agreement: async () => await agreementOf(subject, asked, options.timeoutMs),
    leftovers: async () => examineLeftovers(await lookForLeftovers(subject)),
  };
  const found = new Map<Check, readonly Finding[]>();
  for (const check of [...CHECKS.filter((each) => each !== 'clocks'), 'clocks'] as const) {
    options.onCheck?.(check);
    found.set(check, await parts[check]());
  }
  return CHECKS.flatMap((check) => (found.get(check) ?? []).map((finding) => ({ check, ...finding })));
}

function beginClock(): () => OwnClock {
  const wallBefore = systemClock.now();
  const monotonicBefore = systemClock.monotonic();
  return () => ({
    wallBefore,
    monotonicBefore,
    wallAfter: systemClock.now(),
    monotonicAfter: systemClock.monotonic(),
  });
}

const PATHS: Readonly<Record<Endpoint['kind'], { readonly health: string; readonly description: string }>> = {
  registry: { health: '/readyz', description: '/healthz' },
  status: { health: '/status', description: '/status' },
  mirror: { health: '/readyz', description: '/debug/state' },
};

async function askEndpoints(
  endpoints: readonly Endpoint[],
  timeoutMs: number,
): Promise<readonly AskedEndpoint[]> {
  return await Promise.all(
    endpoints.map(async (endpoint) => {
      const { health, description } = PATHS[endpoint.kind];
      const answer = await getHttp(`http://${endpoint.address}${health}`, timeoutMs);
      const second =
        answer.kind === 'failure' || description === health
          ? answer
          : await getHttp(`http://${endpoint.address}${description}`, timeoutMs);
      return {
        endpoint,
        health: answer,
        description: second.kind === 'answer' && second.status === 200 ? jsonOf(second.text) : undefined,
      };
    }),
  );
}

function versionOf({ endpoint, description }: AskedEndpoint): RunningVersion {
  const version = description?.[endpoint.kind === 'registry' ? 'server_version' : 'version'];
  return {
    owner: endpoint.owner,
    version: typeof version === 'string' && version !== '' ? version : undefined,
  };
}

function timesOf({ endpoint, health }: AskedEndpoint): readonly ToldTime[] {
  if (health.kind === 'failure' || health.dateMs === undefined) return [];
  const { dateMs, sentMs, receivedMs } = health;
  // Servers make this header at most once a second, so that it may be a second older than its own resolution.
  const whole = { toldMs: dateMs, resolutionMs: 2_000, sentMs, receivedMs };
  return [{ owner: endpoint.owner, where: 'its Date header', ...whole }];
}

async function lookAtPorts({ ports }: Subject): Promise<readonly PortFacts[]> {
  const owners = await portOwners(new Set(ports.map(({ address }) => address.port)));
  const facts: PortFacts[] = [];
  for (const port of ports) {
    facts.push({
      port,
      refusal: port.address.port === 0 ? undefined : await tryListen(port.address),
      holder: owners.get(port.address.port),
    });
  }
  return facts;
}

async function examineSecretFiles({ secrets }: Subject): Promise<ReturnType<typeof examineSecrets>> {
  const facts = await Promise.all(
    secrets.map(async (secret) => ({
      secret,
      look: await lookAtSecret(secret.path),
      publicLook: secret.publicPath === undefined ? undefined : await lookAtSecret(secret.publicPath),
    })),
  );
  return examineSecrets(facts, process.getuid?.());
}

async function examineFolders({ folders }: Subject): Promise<readonly Finding[]> {
  return await Promise.all(
    folders.map(async (folder) => examineFolder(folder, await lookAt(folder.path), process.getuid?.())),
  );
}

async function examineDisks({ folders }: Subject): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  // One after the other: two at once would slow each other down.
  for (const folder of folders) {
    const place = await existingFolder(folder);
    if (place === undefined) continue;
    try {
      findings.push(...examineDisk({ ...folder, path: place }, await measureDisk(place)));
    } catch (error) {
      findings.push(
        warning(
          `disk of ${folder.owner}`,
          `${place} can't be measured: ${(error as Error).message}`,
          'Run this as the user of the service.',
        ),
      );
    }
  }
  return findings;
}

/** The folder, or the nearest one above it that is there: the service will make the rest. */
async function existingFolder({ path }: DataFolder): Promise<string | undefined> {
  let current = path;
  for (;;) {
    const look = await lookAt(current);
    if (look.kind === 'found') return look.facts.kind === 'folder' ? current : undefined;
    const parent = dirname(current);
    if (parent === current) return undefined;
    current = parent;
  }
}

async function examineReachability(
  { registries, targets, origins, members }: Subject,
  asked: readonly AskedEndpoint[],
  timeoutMs: number,
): Promise<readonly Finding[]> {
  return [
    ...members.flatMap((member) => examineMember(member) ?? []),
    ...(await Promise.all(
      registries.map(async (place) => examineRegistry(place, await askRegistry(place, timeoutMs))),
    )),
    ...asked.map(({ endpoint, health }) => examineEndpoint(endpoint, health)),
    ...(await Promise.all(
      targets.map(async (target) => examineTarget(target, await tryConnect(target.address, timeoutMs))),
    )),
    ...(await Promise.all(
      origins.map(async ({ url, setting }) =>
        examineOrigin(url, setting, await getHttp(`${url.replace(/\/+$/, '')}/v2/`, timeoutMs)),
      ),
    )),
  ];
}
