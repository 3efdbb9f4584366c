/**
 * A peer that joins the fleet of somebody on this machine with a join line, and then runs as a node until it is stopped.
 *
 * Order, so that nothing is left half done: the line is read; a key is made; the key registers with the registry; only then the
 * ticket is used up. When anything fails, the registration of a new key and everything that was written are taken back.
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { loadConfig, MusterError, readSecretFile } from '@muster/core';
import { discoverySettings } from '@muster/discovery/config';
import type { CommandContext } from '../cli/command.ts';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CliIo } from '../cli/io.ts';
import { packageVersion } from '../cli/version.ts';
import { callControl } from '../fleet/control-call.ts';
import { fleetErrors } from '../fleet/fleet-errors.ts';
import { decodeJoinLine, type JoinLine } from '../fleet/join-line.ts';
import { isJoinAnswer, type JoinAnswer, joinRequest } from '../fleet/join-protocol.ts';
import { MEMBER_REFRESH } from '../fleet/member-refresh.ts';
import { fleetRegistryClient } from '../fleet/registry-client.ts';
import { runNode } from '../serve/run-node.ts';
import { formatAddress, isLoopbackHost } from '../settings/address.ts';
import type { joinSettings } from '../settings/join-settings.ts';
import { membershipSettings } from '../settings/membership-settings.ts';
import { openPeerFolder, type PeerFolder } from './peer-folder.ts';

type Context = CommandContext<typeof joinSettings>;

const TIMEOUT_MS = 10_000;

/** Joins, and runs the node. Returns the exit code; throws what kept it from joining or running. */
export async function runJoin(context: Context): Promise<number> {
  const line = decodeJoinLine(context.arguments.join(' '));
  const name = context.values.name ?? `guest-${randomBytes(2).toString('hex')}`;
  const path = resolve(context.values.peerData ?? `muster-peers/${name}`);
  context.progress.update('joining');
  const folder = await openPeerFolder(path, context.values.key);
  let answer: JoinAnswer;
  try {
    answer = await join(folder, line, name);
  } catch (error) {
    await folder.undo();
    throw error;
  }
  context.progress.end();
  context.note(
    `Joined the fleet as ${name}; its key and the secrets of the fleet are in ${folder.path}.` +
      (answer.page === '' ? '' : `\nThe page shows it: ${answer.page}`),
  );
  return await runJoined(context, { folder, answer, name, host: line.host });
}

/** What is told of a registry that does not answer: where it is stands in the line, and no flag names another. */
function absent(error: unknown): never {
  if (!(error instanceof MusterError) || error.code !== 'CONNECT_FAILED') throw error;
  throw fleetErrors.create(
    'CONTROL_UNREACHABLE',
    `the fleet of this join line does not answer: ${error.message}`,
    {
      hint: 'Does it still run? `npm start` (or `muster dev`) starts one, and prints a new line.',
      cause: error,
    },
  );
}

/** Registers and redeems. Rejects what the client and the control address reject; then the registration is taken back. */
async function join(folder: PeerFolder, line: JoinLine, name: string): Promise<JoinAnswer> {
  const { identity } = folder;
  const address = formatAddress({ host: line.host, port: line.registryPort });
  await using client = fleetRegistryClient(address, { timeoutMs: TIMEOUT_MS, identity });
  const registered = await client.register({ hostname: name, version: packageVersion() }).catch(absent);
  const { nodeId, hostname } = registered;
  try {
    if (hostname.kind === 'refused') {
      throw cliErrors.create('USAGE', `the registry does not take the name ${name}: ${hostname.reason}`, {
        hint: 'Choose another one with --name. The join line is still good.',
      });
    }
    const answer = await callControl({
      url: `http://${formatAddress({ host: line.host, port: line.controlPort })}`,
      method: 'POST',
      path: '/join',
      body: joinRequest(identity, { ticket: line.ticket, nodeId, name }),
    });
    if (!isJoinAnswer(answer)) {
      throw fleetErrors.create('CONTROL_REFUSED', 'what the fleet answers is not what a peer needs to join');
    }
    await folder.keep(answer);
    return answer;
  } catch (error) {
    // A key that was known before stays what it was.
    if (folder.isNewKey) await client.deregister({ nodeId }).catch(() => {});
    throw error;
  }
}

async function runJoined(
  context: Context,
  joined: {
    readonly folder: PeerFolder;
    readonly answer: JoinAnswer;
    readonly name: string;
    readonly host: string;
  },
): Promise<number> {
  const { folder, answer, name, host } = joined;
  const isLocal = isLoopbackHost(host);
  const config = loadConfig(
    { ...discoverySettings, ...membershipSettings },
    {
      flags: {
        name,
        'node-endpoint-port': '0',
        'listen-host': isLocal ? '127.0.0.1' : '0.0.0.0',
        'allow-loopback': isLocal,
        'psk-path': folder.pskPath,
        'private-key-path': folder.privateKeyPath,
        'public-key-path': folder.publicKeyPath,
        'store-url': `file:${folder.path}/data`,
        'status-port': 'any',
        'time-scale': String(answer.timeScale),
        'log-level': context.values.logLevel,
        // Those that the registry names are taken besides, as soon as it has told them.
        ...(answer.seeds.length === 0 ? {} : { 'indexer-addresses': answer.seeds.join(',') }),
        registry: answer.registry,
        'registry-network': String(answer.network),
        'registry-network-token-file': folder.networkTokenPath,
        'registry-refresh': MEMBER_REFRESH,
        // Who is gone is no longer of the fleet: it joined as a guest.
        'registry-deregister': true,
      },
      readSecretFile,
    },
  );
  // The settings want to be sure that a scaled fleet is meant.
  const environment = { ...context.io.environment, ...(answer.timeScale === 1 ? {} : { OC_TEST: '1' }) };
  return await runNode({
    ...context,
    config,
    values: config.values,
    io: withEnvironment(context.io, environment),
  });
}

function withEnvironment(io: CliIo, environment: CliIo['environment']): CliIo {
  return {
    stdout: io.stdout,
    stderr: io.stderr,
    logs: io.logs,
    environment,
    homeDirectory: io.homeDirectory,
    launcher: io.launcher,
    stopOnSignals: (lifecycle) => io.stopOnSignals(lifecycle),
    onReload: (callback) => io.onReload(callback),
  };
}
