import { homedir } from 'node:os';
import process from 'node:process';
import { type Lifecycle, processLogDestination, stopOnSignals } from '@muster/core';
import type { CliIo, Output } from './io.ts';
import { processTerminal } from './terminal.ts';

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

/** A process that another one of this program has started ends with it, however that one ends. */
function stopWithParent(lifecycle: Lifecycle): () => void {
  process.channel?.unref();
  const stop = (): void => void lifecycle.stop('the process that started this one has ended');
  process.once('disconnect', stop);
  // It may have ended while this one was being loaded.
  if (process.connected === false) setImmediate(stop);
  return () => void process.off('disconnect', stop);
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
    terminal: processTerminal(),
    stopOnSignals(lifecycle) {
      const ignoreSignals = stopOnSignals(lifecycle);
      const ignoreParent = stopWithParent(lifecycle);
      return () => {
        ignoreSignals();
        ignoreParent();
      };
    },
    onReload(callback) {
      process.on('SIGHUP', callback);
      return () => void process.off('SIGHUP', callback);
    },
  };
}
