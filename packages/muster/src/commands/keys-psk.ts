import { dirname } from 'node:path';
import { defineSettings, errorCode, systemRandom } from '@muster/core';
import { discoverySettings } from '@muster/discovery/config';
import { createPskFile, Psk, readPskFile } from '@muster/discovery/keys';
import { cliErrors } from '../cli/cli-errors.ts';
import { defineCommand } from '../cli/command.ts';
import { facts } from '../cli/table.ts';
import { expandHome } from '../client/key-files.ts';

const settings = defineSettings({
  'psk-path': discoverySettings['psk-path'],
  show: {
    type: 'boolean',
    environment: 'MUSTER_SHOW',
    default: false,
    description: 'Make nothing: show the fingerprint of the key that is there.',
    group: discoverySettings['psk-path'].group,
  },
});

export const psk = defineCommand({
  name: 'psk',
  summary: 'Make the pre-shared key of an overlay, or show its fingerprint.',
  description:
    'Make the pre-shared key that lets nodes and indexers into one overlay: a swarm key file that only you can read. Give every ' +
    'member the same file, by a way that nobody else can read. Printed is the fingerprint, for comparing; never the key. A ' +
    'file that is there is not overwritten.',
  settings,
  operands: [{ name: 'out', value: 'file', description: 'Where to. (default: as --psk-path)' }],
  examples: ['keys psk', 'keys psk --out /etc/oc/psk.key', 'keys psk --show'],
  run: async (context) => {
    const path = expandHome(context.operands['out'] ?? context.values.pskPath, context.io.homeDirectory);
    if (context.values.show) {
      const { psk: key, isOpenToOthers } = await readPskFile(path);
      context.print(
        { psk: path, fingerprint: key.fingerprint, openToOthers: isOpenToOthers },
        textOf(path, key),
      );
      if (isOpenToOthers) context.note(`Others may read it. Run: chmod 600 ${path}`);
      return undefined;
    }
    const key = Psk.generate(systemRandom);
    await createNew(path, key);
    context.print({ psk: path, fingerprint: key.fingerprint }, textOf(path, key));
    context.note(
      'Whoever has this file is a member. Give it to the others by a way that nobody else can read.',
    );
    return undefined;
  },
});

async function createNew(path: string, key: Psk): Promise<void> {
  try {
    await createPskFile(path, key);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const reason = errorCode(cause);
    // What is there already may also be a file where its folder should be.
    const isFolder = cause instanceof Error && 'syscall' in cause && cause.syscall === 'mkdir';
    if (reason === 'EEXIST' && !isFolder) {
      throw cliErrors.create('TARGET_EXISTS', `there is a file already: ${path}`, {
        hint: '--show prints the fingerprint of the key in it. A key is never overwritten.',
        cause: error,
      });
    }
    if (reason === undefined) throw error;
    const what = reason === 'EEXIST' ? `: ${dirname(path)} is a file` : '';
    throw cliErrors.create('FILE_UNUSABLE', `the key cannot be written to ${path}${what}`, {
      hint: 'Choose another place with --out, or give yourself access to its folder.',
      details: { path },
      cause: error,
    });
  }
}

function textOf(path: string, key: Psk): string {
  return facts([
    ['pre-shared key', path],
    ['fingerprint', key.fingerprint],
  ]);
}
