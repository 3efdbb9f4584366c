import { EXIT_CODES } from '@muster/core';
import { type Command, CommanderError } from 'commander';
import { cliErrors } from './cli-errors.ts';
import { normalizeArguments } from './argv.ts';
import type { CliIo } from './io.ts';
import { buildProgram, isSwitch } from './program.ts';
import { reportError } from './report-error.ts';

/**
 * Runs the command line: parses, runs the command, reports what goes wrong. Never throws.
 *
 * @param args what follows the name of the program
 * @returns the exit code (`EXIT_CODES` of @muster/core)
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const normalized = normalizeArguments(args, isSwitch);
  const end = normalized.indexOf('--');
  const json = normalized.slice(0, end === -1 ? undefined : end).includes('--json');
  let exitCode: number = EXIT_CODES.ok.code;
  const program = buildProgram(io, (code) => {
    exitCode = code;
  });
  try {
    if (args.length === 0) {
      program.outputHelp();
      return exitCode;
    }
    await program.parseAsync(normalized, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(io, json, error);
    if (error.exitCode === 0) return EXIT_CODES.ok.code;
    // The help of the group has been printed in place of a message.
    if (error.code === 'commander.help') return EXIT_CODES.usage.code;
    return reportError(io, json, usageError(error.message, helpFor(program, normalized, io)));
  }
}

/** Where to read about the command that was meant; undefined when none was. */
function helpFor(program: Command, words: readonly string[], { launcher }: CliIo): string | undefined {
  let meant = program;
  const names: string[] = [];
  for (const word of words) {
    const next = meant.commands.find((command) => command.name() === word);
    if (next === undefined) break;
    meant = next;
    names.push(word);
  }
  return names.length === 0 ? undefined : `\`${launcher} help ${names.join(' ')}\` tells what it takes.`;
}

/** `error: unknown command 'regstry'\n(Did you mean registry?)`: the second line is the hint. */
function usageError(text: string, help: string | undefined): Error {
  const [message = '', ...rest] = text.replace(/^error: /, '').split('\n');
  const suggestion = rest.join(' ').replace(/^\((.*)\)$/, '$1');
  const hint = suggestion === '' ? help : suggestion;
  return cliErrors.create('USAGE', message, hint === undefined ? {} : { hint });
}
