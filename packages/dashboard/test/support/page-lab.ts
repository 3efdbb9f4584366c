/** The built page, a page server that says what it is told to, and a browser. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { chromiumPath, launchBrowser } from '../../../../benchmarks/dashboard/lab/browser.ts';
import { PageServer } from '../../../../benchmarks/dashboard/lab/page-server.ts';
import type { FleetSnapshot } from '../../src/index.ts';

/** Whether Chromium is there; MUSTER_REQUIRE_PROGRAMS=1 says that the machine must have it. */
export function hasChromium(): boolean {
  return process.env['MUSTER_REQUIRE_PROGRAMS'] === '1' || chromiumPath() !== undefined;
}

/** Builds the page when its sources have changed. */
export function buildPage(): void {
  const program = join(import.meta.dirname, '../../build-page.ts');
  const { status, stderr } = spawnSync(process.execPath, [program, '--if-stale'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the page cannot be built: ${stderr}`);
}

export class PageLab implements AsyncDisposable {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<PageLab> {
    buildPage();
    return new PageLab(await launchBrowser());
  }

  /** A server and one page of it. What the page complains of is collected in `complaints`. */
  async open(snapshot: FleetSnapshot | undefined, options: OpenOptions = {}): Promise<OpenPage> {
    const server = await PageServer.start(snapshot);
    const context = await this.#browser.newContext({
      viewport: options.viewport ?? { width: 1_280, height: 800 },
      colorScheme: options.colorScheme ?? 'light',
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // What the network says of servers that are gone is expected where they are.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text());
    });
    server.refusal = options.refusal;
    await page.goto(server.url + (options.hash ?? ''));
    return {
      server,
      page,
      complaints,
      [Symbol.asyncDispose]: async () => {
        await context.close();
        await server[Symbol.asyncDispose]();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

export interface OpenOptions {
  readonly hash?: string;
  readonly colorScheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly refusal?: { readonly status: number };
}

export interface OpenPage extends AsyncDisposable {
  readonly server: PageServer;
  readonly page: Page;
  readonly complaints: readonly string[];
}
