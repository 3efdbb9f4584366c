/** Whether the mirror works and the container runtime of this machine uses it, with what to change where not. */
import { parseReference } from '../pull/reference.ts';
import { fetchObject } from '../pull/mirror-client.ts';
import { resolveTag } from '../pull/resolve-tag.ts';
import { agentMetrics, type AgentState, agentState, type OpsPlace, sumOf } from '../client/ops-client.ts';
import { localAddress, parseAddress } from '../settings/address.ts';
import { examineContainerd } from './containerd.ts';
import { examineDocker } from './docker.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { examineNamedFiles } from './named-files.ts';
import { examineRegistriesConf } from './registries-conf.ts';

export interface DoctorOptions extends OpsPlace {
  readonly containerdConfig: string;
  readonly certsDir: string | undefined;
  readonly registriesConf: string;
  readonly dockerConfig: string;
  readonly image: string | undefined;
  readonly origin: string | undefined;
  /** Files that the user has named, by flag. */
  readonly namedFiles: Readonly<Record<string, string>>;
}

const PROOF_MS = 60_000;

/** All findings. Rejects MIRROR_UNREACHABLE when no mirror runs. */
export async function examineMirror(options: DoctorOptions): Promise<readonly Finding[]> {
  const state = await agentState(options);
  const address = parseAddress(state.listeners.mirror);
  const mirror = address === undefined ? state.listeners.mirror : localAddress(address);
  const runtime = await examineRuntimes(options, mirror, state.registries);
  return [
    ...examineAgent(state),
    ...examineNamedFiles(options.namedFiles),
    ...runtime,
    await examineUse(options),
    ...(options.image === undefined ? [] : [await prove(options.image, mirror, options.origin, state)]),
  ];
}

function examineAgent(state: AgentState): readonly Finding[] {
  const { ready, reason, warning: doubt, members, discovery } = state;
  const readiness = !ready
    ? problem(
        'mirror',
        `it is not ready: ${reason ?? ''}`,
        'Until then it answers 503, and the runtime goes around it. Wait, or see its log.',
      )
    : doubt === undefined
      ? ok('mirror', `it runs at ${state.listeners.mirror} and is ready`)
      : warning(
          'mirror',
          `it is ready, in spite of: ${doubt}`,
          'See the addresses and listeners of the members.',
        );
  const alone = members.snapshot.length <= 1;
  return [
    readiness,
    alone
      ? warning(
          'cluster',
          'this node sees no other',
          'Nothing is shared then. See members-source, members-file, members-announce-dir.',
        )
      : ok('cluster', `${members.snapshot.length} nodes, discovery ${discovery.health.toFixed(2)}`),
  ];
}

async function examineRuntimes(
  options: DoctorOptions,
  mirror: string,
  registries: readonly string[],
): Promise<readonly Finding[]> {
  const containerd = await examineContainerd({
    configPath: options.containerdConfig,
    folder: options.certsDir,
    mirror,
    registries,
  });
  const others = await examineRegistriesConf({ path: options.registriesConf, mirror, registries });
  const docker = await examineDocker({ path: options.dockerConfig, mirror, registries });
  if (containerd === undefined && others === undefined && docker === undefined) {
    return [
      problem(
        'runtime',
        `none of ${options.containerdConfig}, ${options.registriesConf} and ${options.dockerConfig} is there`,
        'Say where they are: --containerd-config, --certs-dir, --registries-conf, --docker-config.',
      ),
    ];
  }
  return [...(containerd ?? []), ...(others ?? []), ...(docker ?? [])];
}

/** What the figures of the agent say of the runtime. */
async function examineUse(options: DoctorOptions): Promise<Finding> {
  const metrics = await agentMetrics(options);
  const requests = sumOf(metrics, 'gantry_mirror_requests_total', { method: 'GET' });
  if (requests === 0) {
    return warning(
      'use',
      'nobody has asked the mirror since it started',
      'Pull an image that this machine does not have (crictl pull, ctr --hosts-dir …), and look again; --image proves the mirror itself.',
    );
  }
  const good = ['200', '206'].reduce(
    (sum, code) => sum + sumOf(metrics, 'gantry_mirror_requests_total', { method: 'GET', code }),
    0,
  );
  if (good > 0) return ok('use', `${good} of ${requests} requests were answered with content`);
  return problem(
    'use',
    `none of ${requests} requests was answered with content`,
    'See its log for the reasons.',
  );
}

/** Asks for the manifest of an image as the runtime would. */
async function prove(
  image: string,
  mirror: string,
  origin: string | undefined,
  state: AgentState,
): Promise<Finding> {
  const reference = parseReference(image);
  const { registry, repository, tag = 'latest' } = reference;
  const signal = AbortSignal.timeout(PROOF_MS);
  try {
    const digest =
      reference.digest ?? (await resolveTag({ ...reference, tag }, { endpoint: origin }, signal));
    const nothing = { write: () => Promise.resolve(), restart: () => Promise.resolve() };
    const object = { registry, repository, digest, path: 'manifests' } as const;
    const { size, source, ms } = await fetchObject(mirror, object, nothing, signal);
    return ok('proof', `${image}: ${size} bytes in ${Math.round(ms)} ms, from the ${source}`);
  } catch (error) {
    const fix = state.registries.includes(registry)
      ? 'See the log of the mirror for the reason.'
      : `Add ${registry} to the registries of the mirror (upstream_registries); it has ${state.registries.join(', ')}.`;
    return problem('proof', `${image}: ${(error as Error).message}`, fix);
  }
}
