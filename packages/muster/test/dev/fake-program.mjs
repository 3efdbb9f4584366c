/**
 * Stands in for `muster` in tests of the supervisor: says that it is ready, as the command that it is asked for would, and writes
 * what it hears over its channel into its log. How it misbehaves is in the file that FAKE_PROGRAM names: {"<name>": "<how>"}.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';

const flags = new Map(
  process.argv.slice(2).flatMap((word) => {
    const [, name, value] = /^--([\w-]+)=(.*)$/s.exec(word) ?? [];
    return name === undefined ? [] : [[name, value]];
  }),
);
const noun = process.argv[2];
const name = flags.get('name') ?? flags.get('node-name') ?? noun;
const how = JSON.parse(readFileSync(process.env.FAKE_PROGRAM, 'utf8'))[name];
const peerId = `peer-of-${name}`;
const ready = {
  registry: { address: flags.get('registry-addr'), http: flags.get('http') },
  origin: {
    address: flags.get('listen'),
    repository: 'demo/app',
    tag: 'v1',
    digest: `sha256:${'0'.repeat(64)}`,
    bytes: 7,
  },
  node: {
    peerId,
    addresses: [`/ip4/127.0.0.1/tcp/${flags.get('node-endpoint-port')}/p2p/${peerId}`],
    status: `127.0.0.1:${flags.get('status-port')}`,
  },
  mirror: {
    peerId,
    addresses: [flags.get('libp2p-listen')],
    ops: flags.get('metrics-listen'),
    mirror: flags.get('mirror-listen'),
  },
}[noun];

process.on('message', (message) => process.stderr.write(`told ${JSON.stringify(message)}\n`));
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => {
  if (how === 'stubborn') return;
  process.stderr.write('asked to stop\n');
  process.exit(0);
});

if (how === 'broken' || (how === 'unlucky' && !existsSync(`${process.env.FAKE_PROGRAM}.met`))) {
  const code = how === 'broken' ? 'LOG_CORRUPT' : 'ADDRESS_IN_USE';
  const error = { code, message: 'a made-up reason', hint: 'a made-up hint' };
  process.stderr.write(`a line of a log\n${JSON.stringify({ error })}\nanother line\n`);
  writeFileSync(`${process.env.FAKE_PROGRAM}.met`, '');
  process.exitCode = 1;
  process.disconnect();
} else if (how !== 'silent') {
  process.stdout.write('not json\n{"event":"other"}\n');
  process.stdout.write(`${JSON.stringify({ event: 'ready', ...ready })}\nmore\n`);
}
