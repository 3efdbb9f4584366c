import { processIo } from './cli/process-io.ts';
import { runCli } from './cli/run-cli.ts';

/**
 * Runs the command line in this process.
 *
 * @param args what follows the name of the program
 * @returns the exit code (`EXIT_CODES` of @muster/core)
 */
export async function main(args: readonly string[]): Promise<number> {
  return await runCli(args, processIo());
}
