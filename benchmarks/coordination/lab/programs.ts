/** The programs of the laboratory, each a process of its own, as whoever uses them sees them. */

import { join } from 'node:path';
import { TaskProcess } from '../../harness/child.ts';
import type { CallRun, FloodRun, Target } from './coord-peers.ts';
import type { CountersSummary } from './counters.ts';
import type { DownloadRun } from './download.ts';
import type { ImageFacts, ImagePlan } from './images.ts';
import type { LabDigest } from './objects.ts';
import type { OriginServerOptions, OriginSummary } from './origin-server.ts';
import type { FaultScript } from './origin-simulator.ts';
import type { ReverseProxyOptions } from './reverse-proxy.ts';
import type { DrivePlan, RuntimeRow } from './runtimes.ts';

class Program implements AsyncDisposable {
  protected readonly process: TaskProcess;

  constructor(file: string) {
    this.process = new TaskProcess(join(import.meta.dirname, file));
  }

  get pid(): number {
    return this.process.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
  }
}

/** The registry with made-up images. */
export class OriginProgram extends Program {
  #url = '';

  static async start(options: OriginServerOptions = {}): Promise<OriginProgram> {
    const program = new OriginProgram('origin-simulator.ts');
    program.#url = await program.process.run<string>('start', options);
    return program;
  }

  /** `http://host:port`. */
  get url(): string {
    return this.#url;
  }

  /** Makes an image; it is in every repository, and has the tag `latest` in `lab/<name>`. */
  addImage(plan: ImagePlan): Promise<ImageFacts> {
    return this.process.run('addImage', { plan });
  }

  /** Makes a blob that takes no memory, of any size. */
  addBlob(name: string, size: number): Promise<LabDigest> {
    return this.process.run('addBlob', { name, size });
  }

  /** Changes options while it runs. */
  configure(options: OriginServerOptions): Promise<void> {
    return this.process.run('configure', options);
  }

  /** What the next requests of a digest meet with. */
  script(digest: string, ...faults: FaultScript): Promise<void> {
    return this.process.run('script', { digest, faults });
  }

  setDown(isDown: boolean): Promise<void> {
    return this.process.run('setDown', isDown);
  }

  summary(): Promise<OriginSummary> {
    return this.process.run('summary');
  }

  reset(): Promise<void> {
    return this.process.run('reset');
  }
}

/** The counting proxy before a real registry. */
export class ProxyProgram extends Program {
  #url = '';

  static async start(options: ReverseProxyOptions): Promise<ProxyProgram> {
    const program = new ProxyProgram('counting-proxy.ts');
    program.#url = await program.process.run<string>('start', options);
    return program;
  }

  get url(): string {
    return this.#url;
  }

  setDown(isDown: boolean): Promise<void> {
    return this.process.run('setDown', isDown);
  }

  summary(): Promise<CountersSummary> {
    return this.process.run('summary');
  }

  reset(): Promise<void> {
    return this.process.run('reset');
  }
}

/** The virtual runtimes. */
export class DriverProgram extends Program {
  static start(): DriverProgram {
    return new DriverProgram('driver.ts');
  }

  drive(plan: DrivePlan): Promise<readonly RuntimeRow[]> {
    return this.process.run('drive', plan);
  }

  download(url: string): Promise<DownloadRun> {
    return this.process.run('download', url);
  }
}

/** Peers that only speak the coordination protocol. */
export class PeersProgram extends Program {
  static async start(count: number): Promise<PeersProgram> {
    const program = new PeersProgram('coord-peers.ts');
    await program.process.run('start', count);
    return program;
  }

  /** Asks for a while, `parallel` calls at a time. */
  calls(target: Target, parallel: number, durationMs: number): Promise<CallRun> {
    return this.process.run('calls', { target, parallel, durationMs });
  }

  /** Opens many streams that say nothing, then asks on those that are left. */
  flood(target: Target, streams: number): Promise<FloodRun> {
    return this.process.run('flood', { target, streams });
  }

  /** Sends frames, in hex; resolves with the envelopes that came back, or `closed`. */
  replay(target: Target, frames: readonly string[]): Promise<readonly string[]> {
    return this.process.run('replay', { target, frames });
  }

  /** Milliseconds after which a stream that says nothing was ended. */
  silentStream(target: Target): Promise<number> {
    return this.process.run('silentStream', target);
  }
}
