/** A registry of Debian behind a counting proxy, mirrors as processes, and skopeo on each machine. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FleetPlan, MirrorFleet } from '../../../../benchmarks/coordination/lab/fleet.ts';
import {
  factsOf,
  type ImageFacts,
  type ImagePlan,
  makeImage,
} from '../../../../benchmarks/coordination/lab/images.ts';
import { writeOciLayout } from '../../../../benchmarks/coordination/lab/oci-layout.ts';
import { ReverseProxy } from '../../../../benchmarks/coordination/lab/reverse-proxy.ts';
import {
  hasProgram,
  REGISTRY_PASSWORD,
  REGISTRY_USER,
  type ServerProcess,
  startRegistry,
} from '../../../../benchmarks/coordination/lab/servers.ts';
import { type CopyRun, pushLayout, Skopeo } from '../../../../benchmarks/coordination/lab/skopeo.ts';

/** Whether the programs are there; MUSTER_REQUIRE_PROGRAMS=1 says that the machine must have them. */
export function hasRegistryPrograms(): boolean {
  if (process.env['MUSTER_REQUIRE_PROGRAMS'] === '1') return true;
  return ['docker-registry', 'skopeo'].every(hasProgram);
}

/** The registry, the proxy before it, and a folder; all end with it. */
export class RegistryLab implements AsyncDisposable {
  readonly folder: string;
  readonly proxy: ReverseProxy;
  readonly #registry: ServerProcess;
  readonly #login: { readonly user: string; readonly password: string } | undefined;
  #machines = 0;

  private constructor(
    folder: string,
    proxy: ReverseProxy,
    registry: ServerProcess,
    login: RegistryLab['login'],
  ) {
    this.folder = folder;
    this.proxy = proxy;
    this.#registry = registry;
    this.#login = login;
  }

  static async start(options: { readonly hasPassword?: boolean } = {}): Promise<RegistryLab> {
    const folder = await mkdtemp(join(tmpdir(), 'muster-coordination-'));
    const registry = await startRegistry(join(folder, 'registry'), options);
    const proxy = await ReverseProxy.start({ target: registry.url });
    const login =
      options.hasPassword === true ? { user: REGISTRY_USER, password: REGISTRY_PASSWORD } : undefined;
    return new RegistryLab(folder, proxy, registry, login);
  }

  get login(): { readonly user: string; readonly password: string } | undefined {
    return this.#login;
  }

  /** `host:port` that images are named after. */
  get name(): string {
    return this.proxy.url.slice('http://'.length);
  }

  /** Makes an image and pushes it as `lab/<name>:latest`; the counters begin at 0 afterwards. */
  async push(plan: ImagePlan): Promise<ImageFacts & { readonly reference: string }> {
    const image = makeImage(plan);
    const layout = join(this.folder, `layout-${plan.name}`);
    await writeOciLayout(image, layout);
    await pushLayout(layout, `${this.name}/lab/${plan.name}:latest`, this.#login);
    this.proxy.reset();
    return { ...factsOf(image), reference: `lab/${plan.name}@${image.root.digest}` };
  }

  /** Starts mirrors whose only registry is the one behind the proxy. */
  async mirrors(name: string, count: number, plan: Partial<FleetPlan> = {}): Promise<Mirrors> {
    const folder = join(this.folder, name);
    const fleet = await MirrorFleet.start({
      folder,
      count,
      origin: this.proxy.url,
      registryName: this.name,
      ...plan,
    });
    const clients = await Promise.all(
      fleet.agents.map(({ mirror }) => this.client(mirror.slice('http://'.length))),
    );
    this.proxy.reset();
    return new Mirrors(fleet, clients);
  }

  /** A machine whose skopeo knows of a mirror by its registries.conf. */
  async client(mirror: string, isStrict = false): Promise<Skopeo> {
    this.#machines += 1;
    const home = join(this.folder, `machine-${this.#machines}`);
    return await Skopeo.make({ home, registry: this.name, mirror, isStrict });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.close();
    await this.#registry[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Mirrors, and the skopeo beside each. */
export class Mirrors implements AsyncDisposable {
  readonly fleet: MirrorFleet;
  readonly clients: readonly Skopeo[];

  constructor(fleet: MirrorFleet, clients: readonly Skopeo[]) {
    this.fleet = fleet;
    this.clients = clients;
  }

  /** All these machines copy at once. Returns what skopeo said where it failed. */
  async copy(reference: string, clients = this.clients): Promise<readonly string[]> {
    const runs = await this.runs(reference, clients);
    return runs.filter(({ ok }) => !ok).map(({ text }) => text);
  }

  /** The same, with how it went on each. */
  async runs(reference: string, clients: readonly Skopeo[]): Promise<readonly CopyRun[]> {
    return await Promise.all(clients.map((client) => client.copy(reference)));
  }

  /** Objects of the image that a machine lacks or has wrong, of all machines. */
  async missing(image: ImageFacts, clients = this.clients): Promise<readonly string[]> {
    const missing: string[] = [];
    for (const client of clients) {
      for (const digest of image.digests) {
        if (!(await client.hasObject(digest, digest === image.root))) missing.push(digest);
      }
    }
    return missing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
  }
}
