import { EXIT_CODES } from '@muster/core';
import { table } from './table.ts';

/** The table of exit codes. */
export function exitCodesText(): string {
  const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning]);
  return table(['Exit code', 'Meaning'], rows);
}

/** What stands below the list of commands. */
export function rootHelpText(launcher: string): string {
  return `
New here? Start a fleet on this machine, and try what it prints:
  ${launcher === 'muster' || launcher === 'npx muster' ? `${launcher} dev` : 'npm start'}

Every command takes --json, for scripts: one JSON object on the standard output, errors as
{"error":{"code","message","hint"}} on the standard error. Options can be set in the environment,
too: --admin-token-file is MUSTER_ADMIN_TOKEN_FILE, and for nodes --max-nodes is
OCDISCOVERY_MAX_NODES. Flags win over the environment, and that wins over a file given with
--config.

${exitCodesText()}

More: muster help <command>, muster help exit-codes`;
}
