import { EXIT_CODES } from '@muster/core';

const USAGE = `muster <noun> <verb> [options]

One program with which a fleet of peers calls its own roll.
`;

/**
 * Runs the command line.
 *
 * @param args what follows the name of the program
 * @returns the exit code (`EXIT_CODES` of @muster/core)
 */
export async function main(args: readonly string[]): Promise<number> {
  const [first] = args;
  const isHelp = first === undefined || first === '--help' || first === 'help';
  const stream = isHelp ? process.stdout : process.stderr;
  stream.write(isHelp ? USAGE : `muster: there is no command ${JSON.stringify(first)}\n${USAGE}`);
  return isHelp ? EXIT_CODES.ok.code : EXIT_CODES.usage.code;
}
