import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The page is not there: it is built from a checkout with {@link PAGE_BUILD_COMMAND}; published packages hold it. */
export class PageNotBuiltError extends Error {
  readonly code = 'page-not-built';
  readonly folder: string;

  constructor(folder: string) {
    super(`the page has not been built: ${folder} holds no index.html; build it with: ${PAGE_BUILD_COMMAND}`);
    this.name = 'PageNotBuiltError';
    this.folder = folder;
  }
}

/** What builds the page in a checkout. */
export const PAGE_BUILD_COMMAND = 'npm run build -w @muster/dashboard';

/**
 * The absolute path of the folder that holds the built page: `index.html`, and beside it everything that it loads. Throws a
 * {@link PageNotBuiltError} when it has not been built.
 */
export function pageFolder(): string {
  // The same from the source and from what is compiled: both stand two folders below the package.
  const folder = join(dirname(dirname(import.meta.dirname)), 'dist', 'page');
  if (!existsSync(join(folder, 'index.html'))) throw new PageNotBuiltError(folder);
  return folder;
}
