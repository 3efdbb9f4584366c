import { readFile, rename, writeFile } from 'node:fs/promises';
import { errorCode, systemRandom } from '@muster/core';
import type { Identity } from '@muster/core/identity';
import { derivedDid } from '@muster/discovery/records';
import { ADMIN_SCOPES, type AdminScope, type AdminTokenEntry } from '@muster/registry/vocabulary';
import { cliErrors } from '../cli/cli-errors.ts';
import { defineCommand } from '../cli/command.ts';
import { facts } from '../cli/table.ts';
import { keyPathOf } from '../client/connect.ts';
import { createKey, expandHome, readKey } from '../client/key-files.ts';
import { keySettings } from '../settings/client-settings.ts';

/** What anybody may know of a key. */
function publicFacts(path: string, identity: Identity): { value: object; text: string } {
  const { publicKeyBase64: publicKey, fingerprint, peerId, did } = identity;
  return {
    value: { key: path, publicKey, fingerprint, peerId, did, overlayDid: derivedDid(peerId) },
    text: facts([
      ['key', path],
      ['public key', publicKey],
      ['fingerprint', fingerprint],
      ['peer id', peerId],
      ['DID', did],
      ['overlay DID', derivedDid(peerId)],
    ]),
  };
}

export const generate = defineCommand({
  name: 'generate',
  summary: 'Make the key of a node.',
  description:
    'Make an Ed25519 key: a PEM file that only you can read. A file that is there is never overwritten. It is one identity ' +
    'everywhere: the node in the registry, the libp2p peer id and the DID all follow from it. `nodes register --key`, ' +
    '`node run --private-key-path` and `mirror run --libp2p-identity-path` take the same file.',
  settings: keySettings,
  operands: [{ name: 'out', value: 'file', description: 'Where to. (default: as --key)' }],
  examples: ['keys generate', 'keys generate --out beta.pem'],
  run: async (context) => {
    const out = context.operands['out'];
    const path = out === undefined ? keyPathOf(context) : expandHome(out, context.io.homeDirectory);
    const { value, text } = publicFacts(path, await createKey(path));
    context.print(value, text);
    return undefined;
  },
});

export const show = defineCommand({
  name: 'show',
  summary: 'Show the public half of a key, and its names.',
  settings: keySettings,
  examples: ['keys show', 'keys show --key beta.pem --json'],
  run: async (context) => {
    const path = keyPathOf(context);
    const { value, text } = publicFacts(path, await readKey(path));
    context.print(value, text);
    return undefined;
  },
});

const scopeHelp = Object.entries(ADMIN_SCOPES)
  .map(([name, allows]) => `${name} (${allows})`)
  .join('; ');

export const adminToken = defineCommand({
  name: 'admin-token',
  summary: 'Make an admin token with a name and scopes.',
  description:
    'Make an admin token and add its hash to a file for --admin-tokens-file. The token is printed once and kept nowhere. ' +
    'The registry reads the file when it starts.',
  settings: {},
  operands: [
    { name: 'name', value: 'name', description: 'Who holds it; goes to the audit.', required: true },
    {
      name: 'file',
      value: 'file',
      description: 'File of hashed tokens; made when there is none.',
      required: true,
    },
    { name: 'scope', value: 'list', description: `What it allows: ${scopeHelp}. (default: all)` },
  ],
  examples: ['keys admin-token --name grafana --scope read --file muster-data/admin-tokens.json'],
  run: async (context) => {
    const { name = '', file = '', scope = 'all' } = context.operands;
    const scopes = scope.split(',').map((each) => readScope(each.trim()));
    const entries = await readEntries(file);
    if (entries.some((entry) => entry.name === name)) {
      throw cliErrors.create('TARGET_EXISTS', `${file} has a token named ${name} already`, {
        hint: 'Choose another name, or remove the entry from the file: that makes its token worthless.',
      });
    }
    const { createAdminToken, formatAdminTokenFile, parseAdminTokenFile } = await import('@muster/registry');
    const { token, entry } = createAdminToken({ name, scopes }, systemRandom);
    const text = formatAdminTokenFile([...entries, entry]);
    parseAdminTokenFile(text);
    const temporary = `${file}.${process.pid}.tmp`;
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, file);
    context.print({ name, scopes, file, token }, token);
    context.note(`Keep it: it cannot be shown again. Its hash is in ${file}.`);
    return undefined;
  },
});

function readScope(text: string): AdminScope {
  if (Object.hasOwn(ADMIN_SCOPES, text)) return text as AdminScope;
  const known = Object.keys(ADMIN_SCOPES).join(', ');
  throw cliErrors.create('USAGE', `${JSON.stringify(text)} is no scope; scopes are ${known}`);
}

async function readEntries(file: string): Promise<readonly AdminTokenEntry[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
  const { parseAdminTokenFile } = await import('@muster/registry');
  return parseAdminTokenFile(text);
}
