import type { Download, Feeder } from '../parts.ts';

/** What a feeder does to its download. */
export interface FeederHome {
  readonly offset: () => number;
  readonly setSize: (bytes: number) => void;
  readonly setSource: (source: NonNullable<Download['source']>) => void;
  readonly write: (data: Uint8Array) => Promise<void>;
  readonly complete: () => Promise<void>;
  readonly restart: () => Promise<void>;
  readonly release: () => void;
  /** Why the download has failed, if it has. */
  readonly failure: () => unknown;
}

/** The writing half of a download, as long as its owner has not given it back. */
export class DownloadFeeder implements Feeder {
  readonly #home: FeederHome;
  #isReleased = false;

  constructor(home: FeederHome) {
    this.#home = home;
  }

  get offset(): number {
    return this.#home.offset();
  }

  setSize(bytes: number): void {
    this.#requireOwner();
    this.#home.setSize(bytes);
  }

  setSource(source: NonNullable<Download['source']>): void {
    this.#requireOwner();
    this.#home.setSource(source);
  }

  async write(data: Uint8Array): Promise<void> {
    this.#requireOwner();
    if (data.length > 0) await this.#home.write(data);
  }

  async complete(): Promise<void> {
    this.#requireOwner();
    await this.#home.complete();
  }

  async restart(): Promise<void> {
    this.#requireOwner();
    await this.#home.restart();
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#home.release();
  }

  #requireOwner(): void {
    const failure = this.#home.failure();
    if (failure !== undefined) throw failure;
    if (this.#isReleased) throw new Error('the feeder was given back');
  }
}
