/** Debian's Chromium, without a window. */

import { spawnSync } from 'node:child_process';
import { type Browser, chromium } from 'playwright-core';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];

/** Where Chromium is, or undefined. */
export function chromiumPath(): string | undefined {
  const named = process.env['MUSTER_CHROMIUM'];
  if (named !== undefined && named !== '') return named;
  for (const program of PROGRAMS) {
    const { status, stdout } = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' });
    if (status === 0) return stdout.trim();
  }
  return undefined;
}

/** Starts it, with further arguments if need be; whoever asked closes it. */
export async function launchBrowser(more: readonly string[] = []): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error('chromium is not installed');
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({
    executablePath,
    // Chromium has no sandbox for root; what it loads here is our own page from this machine.
    args: [
      ...(isRoot ? ['--no-sandbox'] : []),
      '--disable-dev-shm-usage',
      '--force-color-profile=srgb',
      ...more,
    ],
  });
}
