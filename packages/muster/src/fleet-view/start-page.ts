import {
  type Clock,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
  systemTimers,
  type Timers,
} from '@muster/core';
import { formatAddress } from '../settings/address.ts';
import { factsOf, type ShownFleet, sourcesOf } from './fleet-sources.ts';
import { type PageSource, PageSources } from './page-sources.ts';
import { FleetHub } from './server/fleet-hub.ts';
import { readPageFiles } from './server/page-files.ts';
import { PageServer } from './server/page-server.ts';

export interface PageOptions {
  /** Shown above everything. */
  readonly title: string;
  readonly version: string;
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Folder with index.html and what it loads; undefined, or without them: only what it would show is served. */
  readonly folder?: string | undefined;
  /** Names beside those of this machine under which browsers may call it. @default [] */
  readonly allowedHosts?: readonly string[];
  readonly sources?: readonly PageSource[];
  /** @default none is written */
  readonly logger?: Logger;
  /** For tests. @default the host's */
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly random?: Random;
}

/** A page that is served. */
export interface Page extends AsyncDisposable {
  /** `http://127.0.0.1:<port>/` */
  readonly url: string;
  readonly hub: FleetHub;
  readonly sources: PageSources;
  /** For a supervisor in the same process: its members as they are now, to be called whenever one has changed. */
  showFleet(fleet: ShownFleet): void;
  /** Ends what was asked and closes all connections. */
  close(): Promise<void>;
}

const SUPERVISOR = 'supervisor';

/** Serves the page of a fleet. Rejects PAGE_FILES, and the system's error when it cannot listen. */
export async function startPage(options: PageOptions): Promise<Page> {
  const { clock = systemClock, timers = systemTimers, random = systemRandom } = options;
  const { host = '127.0.0.1', logger = silentLogger, allowedHosts = [] } = options;
  const files = options.folder === undefined ? undefined : await readPageFiles(options.folder);
  const hub = new FleetHub({ title: options.title, version: options.version, clock, timers });
  const sources = new PageSources({ take: (input) => hub.take(input), clock, timers, random });
  const names = new Set(allowedHosts.map((name) => name.toLowerCase()));
  const server = new PageServer({ hub, files, allowedHosts: names, logger });
  const close = async (): Promise<void> => {
    sources.stop();
    hub.stop();
    await server.close();
  };
  let url: string;
  try {
    url = `http://${formatAddress(await server.listen(host, options.port))}/`;
  } catch (error) {
    await close();
    throw error;
  }
  sources.replace(options.sources ?? []);
  return {
    url,
    hub,
    sources,
    showFleet: (fleet) => {
      hub.take({ type: 'source', id: SUPERVISOR, kind: 'supervisor', address: 'this process', state: 'ok' });
      hub.take({ type: 'peers', source: SUPERVISOR, facts: factsOf(fleet), isComplete: true });
      sources.replace(sourcesOf(fleet));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
