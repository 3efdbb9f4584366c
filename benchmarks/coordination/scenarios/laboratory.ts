/** The rooms of one scenario: an origin, a driver, a fleet, a folder that keeps what was measured. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessFigures } from '../../harness/child.ts';
import { type FleetPlan, MirrorFleet, until } from '../lab/fleet.ts';
import type { ImageFacts } from '../lab/images.ts';
import { DriverProgram, OriginProgram } from '../lab/programs.ts';
import type { DrivePlan, RuntimeRow } from '../lab/runtimes.ts';
import { PullReport } from './pull-report.ts';
import type { Sizes } from './scenario.ts';

const REPOSITORY = 'lab/image';

export interface LaboratoryOptions {
  readonly id: string;
  readonly sizes: Sizes;
  readonly progress: (text: string) => void;
  /** Where everything is put, and stays. @default a folder beside this benchmark, of which only the record stays */
  readonly folder?: string;
}

/** On the disk of the repository: a memory file system would flatter the figures, and run full. */
const DATA = join(import.meta.dirname, '..', '.data');

export class Laboratory implements AsyncDisposable {
  readonly sizes: Sizes;
  readonly folder: string;
  readonly origin: OriginProgram;
  readonly driver: DriverProgram;
  readonly progress: (text: string) => void;
  readonly #id: string;
  readonly #isKept: boolean;
  readonly #fleets: MirrorFleet[] = [];
  readonly #record: Record<string, unknown>[] = [];

  private constructor(
    { id, sizes, progress, folder }: LaboratoryOptions,
    parts: { readonly folder: string; readonly origin: OriginProgram; readonly driver: DriverProgram },
  ) {
    this.#id = id;
    this.#isKept = folder !== undefined;
    this.sizes = sizes;
    this.progress = progress;
    this.folder = parts.folder;
    this.origin = parts.origin;
    this.driver = parts.driver;
  }

  static async open(options: LaboratoryOptions): Promise<Laboratory> {
    await mkdir(DATA, { recursive: true });
    const folder = options.folder ?? (await mkdtemp(join(DATA, `${options.id}-`)));
    const origin = await OriginProgram.start();
    return new Laboratory(options, { folder, origin, driver: DriverProgram.start() });
  }

  /** Starts a fleet on the origin, which ends with the laboratory. */
  async fleet(count: number, plan: Partial<FleetPlan> = {}): Promise<MirrorFleet> {
    this.progress(`${this.#id}: ${count} agents start`);
    const folder = join(this.folder, `fleet-${this.#fleets.length}`);
    const fleet = await MirrorFleet.start({ folder, count, origin: this.origin.url, ...plan });
    this.#fleets.push(fleet);
    await this.#warmUp(fleet);
    return fleet;
  }

  /**
   * Lets each agent pull a tiny image, one after the other, and rest: a process runs its code many times slower at first, and
   * fifty of them that do so at once on a small machine are no picture of fifty machines.
   */
  async #warmUp(fleet: MirrorFleet): Promise<void> {
    this.progress(`${this.#id}: ${fleet.agents.length} agents warm up`);
    const name = `warm-${this.#fleets.length}`;
    const sizes = [10_000, 20_000, 30_000, 2_000_000];
    const layers = sizes.map((size, index) => ({ name: `lab-${name}-${index}`, size }));
    const { root } = await this.origin.addImage({ name, layers });
    const runtimes = fleet.runtimes();
    const spreadMs = runtimes.length * WARM_UP_MS;
    const rows = await this.driver.drive({ repository: REPOSITORY, root, runtimes, spreadMs });
    const failed = rows.find(({ error }) => error !== undefined);
    if (failed !== undefined) throw new Error(`the warm-up of ${failed.name} failed: ${failed.error}`);
    const isAtRest = async (): Promise<boolean> => {
      const before = cpuSecondsOf(fleet);
      await new Promise((resolve) => setTimeout(resolve, REST_WATCH_MS));
      return (cpuSecondsOf(fleet) - before) * 1_000 < REST_CORES * REST_WATCH_MS;
    };
    await until(isAtRest, REST_MS, 'the agents do not come to rest');
  }

  /** Lets these runtimes pull the image, and counts what the origin was asked for meanwhile. */
  async pull(
    image: ImageFacts,
    runtimes: DrivePlan['runtimes'],
    plan: Partial<DrivePlan> & { readonly meanwhile?: () => Promise<void> } = {},
  ): Promise<PullReport> {
    const { meanwhile, ...rest } = plan;
    this.progress(`${this.#id}: ${runtimes.length} runtimes pull ${image.name}`);
    await this.origin.reset();
    const fleet = this.#fleets.at(-1);
    const before = await this.#measure(fleet);
    const driven = this.driver.drive({ repository: REPOSITORY, root: image.root, runtimes, ...rest });
    const [rows] = await Promise.all([driven, meanwhile?.()]);
    const report = new PullReport(image, await this.origin.summary(), rows);
    this.#keep(report, rows, before, await this.#measure(fleet));
    return report;
  }

  /** All runtimes directly at the origin. */
  async direct(image: ImageFacts, count: number, plan: Partial<DrivePlan> = {}): Promise<PullReport> {
    const runtimes = Array.from({ length: count }, (_, index) => ({
      name: `direct-${index}`,
      base: this.origin.url,
    }));
    return await this.pull(image, runtimes, plan);
  }

  /** Bytes of the digest that the origin has sent so far. */
  async originBytesOf(digest: string): Promise<number> {
    return (await this.origin.summary()).digests[digest]?.bytes ?? 0;
  }

  async endFleets(): Promise<void> {
    for (const fleet of this.#fleets) await fleet[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endFleets();
    await this.driver[Symbol.asyncDispose]();
    await this.origin[Symbol.asyncDispose]();
    if (this.#isKept) return;
    const runs = join(DATA, 'runs');
    await mkdir(runs, { recursive: true });
    await writeFile(join(runs, `${this.#id}.json`), JSON.stringify(this.#record, undefined, 1));
    await rm(this.folder, { recursive: true, force: true });
  }

  #keep(report: PullReport, rows: readonly RuntimeRow[], before: Measured, after: Measured): void {
    const { image, origin } = report;
    this.#record.push({ image, sizes: this.sizes, origin, rows, before, after });
  }

  async #measure(fleet: MirrorFleet | undefined): Promise<Measured> {
    const running = fleet?.agents.filter(({ isRunning }) => isRunning) ?? [];
    return await Promise.all(
      running.map(async (agent) => ({
        name: agent.name,
        figures: agent.figures(),
        // One that is frozen does not answer.
        metrics: await Promise.race([agent.metricsText().catch(() => ''), soon()]),
      })),
    );
  }
}

const WARM_UP_MS = 500;
const REST_MS = 120_000;
const REST_WATCH_MS = 1_000;
const REST_CORES = 0.5;

function cpuSecondsOf(fleet: MirrorFleet): number {
  return fleet.figures().reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

type Measured = readonly {
  readonly name: string;
  readonly figures: ProcessFigures;
  readonly metrics: string;
}[];

const SOON_MS = 2_000;

function soon(): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve(''), SOON_MS).unref());
}
