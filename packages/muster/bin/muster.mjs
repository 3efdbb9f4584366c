#!/usr/bin/env node
/**
 * Starts the command line in this process, so that signals and exit codes are its own. In a checkout it runs the
 * TypeScript source, with the sources of the workspace's packages; as an installed package, which holds no source, it
 * runs the compiled program. It must load, and explain itself, on older versions of Node too.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

const MINIMUM_NODE = 24;
const USAGE_EXIT_CODE = 2;
const STOPPED_UNCLEANLY_EXIT_CODE = 12;

const major = Number(process.versions.node.split('.')[0]);
if (major < MINIMUM_NODE) {
  process.stderr.write(
    `muster needs Node ${MINIMUM_NODE} or newer; this is ${process.versions.node}.\n` +
      'In a checkout, run it through npm, which brings the right one: npm run muster -- <command>\n',
  );
  process.exit(USAGE_EXIT_CODE);
}

// Members of a fleet are many and mostly idle: they get small rather than fast (145 to 110 MiB resident). It has to be
// said before the program is loaded.
const [noun, verb] = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
if (noun === 'node' && verb === 'run') (await import('node:v8')).setFlagsFromString('--optimize-for-size');

// Mirrors hand on gigabytes and stay small all the same (idle 165 to 140 MiB, streaming 235 to 185) for a fifth more
// processor time; one memory arena keeps nodes from growing (126 to 116 MiB after six minutes). Both have to be said before
// the process begins, so it begins anew, as the same process to everybody else.
const flags = noun === 'mirror' ? ['--max-semi-space-size=4'] : [];
const isBegunAnew =
  process.env.MALLOC_ARENA_MAX !== undefined && flags.every((flag) => process.execArgv.includes(flag));
if (
  (noun === 'mirror' || noun === 'node') &&
  verb === 'run' &&
  !isBegunAnew &&
  process.platform !== 'win32' &&
  !process.connected
) {
  const args = [process.execPath, ...process.execArgv, ...flags, ...process.argv.slice(1)];
  process.execve(process.execPath, args, { ...process.env, MALLOC_ARENA_MAX: '1' });
}

const module = await import('node:module');
const source = new URL('../src/main.ts', import.meta.url);
const isCheckout = existsSync(source);

// Children and worker threads find the cache through the environment.
process.env.NODE_COMPILE_CACHE ??= isCheckout
  ? join(import.meta.dirname, '../../../node_modules/.cache/compile')
  : join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'muster', 'compile');
module.enableCompileCache(process.env.NODE_COMPILE_CACHE);

if (isCheckout) {
  module.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: ['muster-source', ...context.conditions] }),
  });
}

const { main } = await import(isCheckout ? source.href : new URL('../dist/main.js', import.meta.url).href);
process.exitCode = await main(process.argv.slice(2));
// A part that did not stop may hold the process for ever; it has had its time.
if (process.exitCode === STOPPED_UNCLEANLY_EXIT_CODE) process.exit();
