/** Members of a demo as they run: in this process, or each in its own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  createLogger,
  loadConfig,
  type LogLevel,
  systemClock,
  systemRandom,
  systemTimers,
} from '@muster/core';
import { discoveryConfigOf, discoverySettings } from '@muster/discovery/config';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CliIo } from '../cli/io.ts';
import { packageVersion } from '../cli/version.ts';
import { nodeStartError } from '../serve/node-start-error.ts';
import { formatAddress } from '../settings/address.ts';
import type { PlannedMember } from './plan.ts';

/** A member that runs. */
export interface Member {
  readonly name: string;
  readonly role: 'indexer' | 'node';
  readonly peerId: string;
  readonly address: string;
  /** `host:port` of its status endpoint. */
  readonly status: string;
  readonly pid: number;
  /** Resolves when it has ended, asked for or not. */
  readonly ended: Promise<string>;
  /** Ends it cleanly; never rejects. */
  stop(): Promise<void>;
}

export type StartMember = (planned: PlannedMember, io: CliIo) => Promise<Member>;

/** How long a process may take to stop before it is killed. */
const STOP_TIMEOUT_MS = 5_000;

/** Runs a member in this process. */
export const startInProcess: StartMember = async (planned, io) => {
  const { DiscoveryHost } = await import('@muster/discovery/host');
  const config = discoveryConfigOf(loadConfig(discoverySettings, { flags: planned.flags }), io.environment);
  const logger = createLogger({
    level: planned.flags['log-level'] as LogLevel,
    format: 'text',
    clock: systemClock,
    destination: io.logs,
  });
  const ended = Promise.withResolvers<string>();
  try {
    const host = await DiscoveryHost.start({
      config,
      version: packageVersion(),
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      logger: logger.child({ member: planned.name }),
      showsProcess: false,
    });
    const { statusAddress } = host;
    return {
      name: planned.name,
      role: planned.role,
      peerId: host.identity.peerId,
      address: host.addresses[0] ?? '',
      status: statusAddress === undefined ? '' : formatAddress(statusAddress),
      pid: process.pid,
      ended: ended.promise,
      stop: async () => {
        await host.stop().catch((error: unknown) => logger.error({ error }, 'failed to stop'));
        ended.resolve('stopped');
      },
    };
  } catch (error) {
    throw nodeStartError(error, config.process, io.launcher);
  }
};

const BIN = fileURLToPath(new URL('../../bin/muster.mjs', import.meta.url));

/** Runs a member in a process of its own. */
export const startProcess: StartMember = async (planned, io) => {
  const flags = Object.entries(planned.flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(process.execPath, [BIN, 'node', 'run', '--json', ...flags], {
    // The channel ends with this process, and the member with the channel.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...io.environment },
  });
  const ended = (async (): Promise<string> => {
    await once(child, 'close');
    return child.signalCode ?? `exit code ${child.exitCode}`;
  })();
  let lastLine = '';
  const { stdout, stderr } = child as ChildProcessByStdio<null, Readable, Readable>;
  createInterface(stderr).on('line', (line) => {
    lastLine = line;
    io.logs.write(`${planned.name}: ${line}\n`);
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const late = systemTimers.after(STOP_TIMEOUT_MS, () => child.kill('SIGKILL'));
    await ended;
    late.cancel();
  };
  const ready = once(createInterface(stdout), 'line') as Promise<[string]>;
  const first = await Promise.race([ready, ended]);
  if (typeof first === 'string') {
    throw cliErrors.create('MEMBER_FAILED', `${planned.name} did not start: ${messageOf(lastLine) ?? first}`);
  }
  const event = JSON.parse(first[0]) as { peerId: string; addresses: string[]; status: string; pid: number };
  return {
    name: planned.name,
    role: planned.role,
    peerId: event.peerId,
    address: event.addresses[0] ?? '',
    status: event.status,
    pid: event.pid,
    ended,
    stop,
  };
};

/** The message in the line of an error. */
function messageOf(line: string): string | undefined {
  try {
    return (JSON.parse(line) as { error: { message: string } }).error.message;
  } catch {
    return undefined;
  }
}
