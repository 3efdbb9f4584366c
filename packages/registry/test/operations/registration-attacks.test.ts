import { beforeEach, describe, expect, it } from 'vitest';
import { dumpDirectory } from '../support/dump-directory.ts';
import {
  type Fields,
  Harness,
  type HarnessOptions,
  type Reply,
  signedFields,
  type TestNode,
} from '../support/harness.ts';
import type { Signer } from '../support/signers.ts';

const HOME = '203.0.113.5:4000';
const ATTACKER = '198.51.100.66';

/** A victim that has registered signed at a public address, and somebody who wants its place (spec 17.1). */
async function scene(options: HarnessOptions = {}) {
  const h = new Harness(options);
  const fields = {
    owner: 'ann@example.org',
    hostname: 'victim',
    version: '1.0',
    lan_addrs: ['10.0.0.1:4000'],
  };
  const victim = await h.node(fields);
  const attacker = h.signer();
  const before = dumpDirectory(h.state);
  const records = h.log.records.length;
  /** Tries a registration from the attacker's address. */
  const attempt = (message: Fields): Promise<Reply> => h.ask('register', message, h.caller(ATTACKER));
  /** Nothing has changed, and nothing was written. */
  const expectUntouched = (): void => {
    expect(dumpDirectory(h.state)).toEqual(before);
    expect(h.log.records).toHaveLength(records);
  };
  return { h, victim, attacker, attempt, expectUntouched };
}

function claim(victim: TestNode, fields: Fields): Fields {
  return { public_key: victim.signer.publicKeyBase64, listen_addr: `${ATTACKER}:6666`, ...fields };
}

function signedBy(signer: Signer, message: Fields): Fields {
  return signedFields('register', message, signer);
}

describe.each([
  ['by default', { strictRegistrationAuth: false }],
  ['in strict registration mode', { strictRegistrationAuth: true }],
])('the record of a node that has registered signed cannot be touched %s:', (_, policy) => {
  let s: Awaited<ReturnType<typeof scene>>;
  beforeEach(async () => {
    s = await scene({ policy });
  });

  const unsigned = policy.strictRegistrationAuth
    ? 'registration: signature required'
    : 'node 1: unsigned registration cannot modify a signature-verified key';

  it.each<[string, Fields]>([
    ['to another place', {}],
    ['to another place, with a hostname', { hostname: 'mine' }],
    ['to another place, with an owner', { owner: 'mallory' }],
    ["to another place, with the victim's owner", { owner: 'ann@example.org' }],
    ['to a private address', { listen_addr: '10.9.9.9:4000' }],
    ['to a wildcard address', { listen_addr: '0.0.0.0:4000' }],
    ['to no address', { listen_addr: '' }],
    ['with another hostname at the same address', { listen_addr: HOME, hostname: 'other' }],
    ['with another relay flag at the same address', { listen_addr: HOME, relay_only: true }],
    ['with another version at the same address', { listen_addr: HOME, version: '6.6' }],
    ['with other LAN addresses at the same address', { listen_addr: HOME, lan_addrs: ['10.6.6.6:1'] }],
  ])('unsigned, %s', async (_what, fields) => {
    const reply = await s.attempt(claim(s.victim, fields));
    expect(reply).toMatchObject({ type: 'error', error: unsigned, code: 'auth_signature' });
    s.expectUntouched();
  });

  it("signed by the attacker's key", async () => {
    const message = signedBy(s.attacker, claim(s.victim, {}));
    expect(await s.attempt(message)).toMatchObject({ error: 'registration: signature verification failed' });
    s.expectUntouched();
  });

  it("with the victim's signature for another address", async () => {
    const { signature } = signedBy(s.victim.signer, claim(s.victim, { listen_addr: HOME }));
    const message = claim(s.victim, { signature });
    expect(await s.attempt(message)).toMatchObject({ error: 'registration: signature verification failed' });
    s.expectUntouched();
  });

  it.each([
    ['A'.repeat(86) + '==', 'registration: signature verification failed'],
    ['AAAA', 'registration: signature verification failed'],
    ['not base64!', 'registration: invalid signature encoding'],
  ])('with the garbage signature %s', async (signature, error) => {
    expect(await s.attempt(claim(s.victim, { signature }))).toMatchObject({ error });
    s.expectUntouched();
  });

  it.each(['10.9.9.9:4000', '0.0.0.0:4000', '127.0.0.1:1', '[::]:4000', '169.254.1.1:80'])(
    "with the attacker's signature for the claimed address %s",
    async (listen_addr) => {
      const message = signedBy(s.attacker, claim(s.victim, { listen_addr }));
      expect(await s.attempt(message)).toMatchObject({
        error: 'registration: signature verification failed',
      });
      s.expectUntouched();
    },
  );

  it('by taking its hostname: the attacker is registered without one', async () => {
    const own = { public_key: s.attacker.publicKeyBase64, listen_addr: `${ATTACKER}:1`, hostname: 'victim' };
    const reply = await s.attempt(signedBy(s.attacker, own));
    expect(reply).toMatchObject({
      type: 'register_ok',
      node_id: 2,
      hostname_error: 'hostname "victim" already in use',
    });
    expect(reply).not.toHaveProperty('hostname');
    expect(await s.h.ask('lookup', { node_id: 1 })).toMatchObject({ hostname: 'victim' });
    const { nodes } = s.h.state;
    expect(nodes.idOf(nodes.slotOfHostname('victim'))).toBe(1);
  });

  it('by taking its owner label with another key', async () => {
    const own = {
      public_key: s.attacker.publicKeyBase64,
      listen_addr: `${ATTACKER}:1`,
      owner: 'ann@example.org',
    };
    const reply = await s.attempt(signedBy(s.attacker, own));
    expect(reply['error']).toBe(
      'owner "ann@example.org" is already bound to node 1 with a different key; use recover_identity to rotate the key',
    );
    s.expectUntouched();
    const { nodes } = s.h.state;
    expect(nodes.idOf(nodes.slotOfOwner('ann@example.org'))).toBe(1);
    expect(s.h.audits.at(-1)).toMatchObject({ action: 'node.rebind_rejected', nodeId: 1 });
  });

  it('while it is away', async () => {
    s.h.commit({ type: 'nodes.reaped', ids: [1], at: s.h.now });
    const away = dumpDirectory(s.h.state);
    expect(await s.attempt(claim(s.victim, {}))).toMatchObject({ error: unsigned });
    const own = { public_key: s.attacker.publicKeyBase64, owner: 'ann@example.org', listen_addr: 'x' };
    expect((await s.attempt(signedBy(s.attacker, own)))['error']).toContain('already bound to node 1');
    expect(dumpDirectory(s.h.state)).toEqual(away);
  });

  it('and the victim itself still can', async () => {
    const message = claim(s.victim, { listen_addr: HOME, version: '2.0' });
    expect(await s.attempt(signedBy(s.victim.signer, message))).toMatchObject({
      type: 'register_ok',
      node_id: 1,
    });
    expect(await s.h.ask('lookup', { node_id: 1 })).toMatchObject({ version: '2.0', hostname: 'victim' });
  });
});

it('notes a refused unsigned change in the audit', async () => {
  const { h, victim, attempt } = await scene();
  await attempt(claim(victim, {}));
  expect(h.audits.at(-1)).toEqual({ action: 'node.register_ratchet_rejected', nodeId: 1 });
});
