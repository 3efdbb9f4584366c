import { existsSync } from 'node:fs';
import { type Finding, warning } from './finding.ts';

/** What is given in place of a file that is not to be looked at. */
export const NO_FILE = 'none';

/** Files that the user has named, by flag, and that are not there: nothing else would be said of them. */
export function examineNamedFiles(named: Readonly<Record<string, string>>): readonly Finding[] {
  return Object.entries(named)
    .filter(([, path]) => path !== NO_FILE && !existsSync(path))
    .map(([flag, path]) =>
      warning('runtime', `there is no ${path}`, `Correct --${flag}; ${NO_FILE} says that there is none.`),
    );
}
