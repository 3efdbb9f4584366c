import { homedir } from 'node:os';
import process from 'node:process';
import { processLogDestination, stopOnSignals } from '@muster/core';
import type { CliIo, Output } from './io.ts';

/** A stream of the process. One whose reader is gone swallows what is written: a server goes on without it. */
function output(stream: NodeJS.WriteStream): Output {
  const closing = new AbortController();
  stream.on('error', () => closing.abort());
  return {
    write(text) {
      if (!closing.signal.aborted) stream.write(text);
    },
    isTerminal: stream.isTTY === true,
    closed: closing.signal,
  };
}

/** How this process was started, as a person would type it in the same folder. */
function launcher(): string {
  if (import.meta.url.endsWith('.ts')) return 'npm run -s muster --';
  return process.env['npm_command'] === 'exec' ? 'npx muster' : 'muster';
}

/** The command line's view of this process. */
export function processIo(): CliIo {
  return {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    logs: processLogDestination('stderr'),
    environment: process.env,
    homeDirectory: homedir(),
    launcher: launcher(),
    stopOnSignals: (lifecycle) => stopOnSignals(lifecycle),
    onReload(callback) {
      process.on('SIGHUP', callback);
      return () => void process.off('SIGHUP', callback);
    },
  };
}
