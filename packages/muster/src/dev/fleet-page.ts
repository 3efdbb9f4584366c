/** The page of a fleet, in the process of its supervisor. */
import { errorCode, type Logger } from '@muster/core';
import { PAGE_BUILD_COMMAND, pageFolder } from '@muster/dashboard';
import { packageVersion } from '../cli/version.ts';
import { type Page, startPage } from '../fleet-view/index.ts';
import type { FleetFile } from '../fleet/fleet-file.ts';

/** A page that is served, whether its files are there or not. */
export class FleetPage {
  /** What keeps it from being shown; undefined when nothing does. */
  readonly problem: string | undefined;
  readonly #page: Page;

  private constructor(page: Page, problem: string | undefined) {
    this.#page = page;
    this.problem = problem;
  }

  /** Serves it on the loopback. Rejects errors of listening, PAGE_FILES. */
  static async start(port: number, logger: Logger): Promise<FleetPage> {
    const { folder, problem } = builtPage();
    const page = await startPage({
      title: 'A fleet on this machine',
      version: packageVersion(),
      port,
      folder,
      logger,
    });
    return new FleetPage(page, problem);
  }

  /** `http://127.0.0.1:<port>/` */
  get url(): string {
    return this.#page.url;
  }

  /** Shows what runs now. */
  show(fleet: FleetFile): void {
    this.#page.showFleet(fleet);
  }

  async close(): Promise<void> {
    await this.#page.close();
  }
}

/** In a checkout the page may not have been built: the fleet runs all the same. */
function builtPage(): { readonly folder: string | undefined; readonly problem: string | undefined } {
  try {
    return { folder: pageFolder(), problem: undefined };
  } catch (error) {
    if (errorCode(error) !== 'page-not-built') throw error;
    return { folder: undefined, problem: `it has not been built: ${PAGE_BUILD_COMMAND}, and start again` };
  }
}
