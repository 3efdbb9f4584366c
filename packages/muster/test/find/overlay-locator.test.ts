import type { ServerResponse } from 'node:http';
import { systemClock, systemTimers } from '@muster/core';
import { derivedDid } from '@muster/discovery';
import { describe, expect, it } from 'vitest';
import { KnownMembers } from '../../src/find/known-members.ts';
import { OverlayLocator } from '../../src/find/overlay-locator.ts';
import { MAX_SEARCH_BYTES } from '../../src/find/status-reader.ts';
import type { ListedMember } from '../../src/membership/confirmed-list.ts';
import { claimOf, identityOf, memberOf } from '../support/signed-records.ts';
import { StatusEndpoint } from '../support/status-endpoint.ts';

const alpha = identityOf(1);
const beta = identityOf(2);
const mallory = identityOf(66);
const LIMIT = { timeoutMs: 5_000 };

function knowing(...members: readonly ListedMember[]): KnownMembers {
  return new KnownMembers({ registry: '127.0.0.1:9000', network: 1, confirmedAt: 1_000, members });
}

const nobody = new KnownMembers(undefined);

function locatorOf(places: readonly string[], known: KnownMembers): OverlayLocator {
  return new OverlayLocator({ places, known, clock: systemClock, timers: systemTimers });
}

/** The lines of a search that goes on until the caller leaves, unless it ends. */
function lines(hits: readonly object[], options: { readonly ends: boolean } = { ends: true }) {
  return (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const hit of hits) response.write(`${JSON.stringify({ hit })}\n`);
    if (options.ends)
      response.end(`${JSON.stringify({ end: { reason: 'complete', hits: hits.length, ms: 1 } })}\n`);
  };
}

describe('what the overlay says of a peer', () => {
  it('is found by its peer id and its DIDs, with or without a list of members', async () => {
    await using endpoint = await StatusEndpoint.start({
      [`/peers/${alpha.peerId}`]: claimOf(alpha, 'alpha'),
      [`/peers/${derivedDid(alpha.peerId)}`]: claimOf(alpha, 'alpha'),
    });
    for (const what of [alpha.peerId, alpha.did, derivedDid(alpha.peerId)]) {
      const [found, ...others] = await locatorOf([endpoint.address], nobody).locate(what, LIMIT);
      expect(others).toEqual([]);
      expect(found).toMatchObject({
        peerId: alpha.peerId,
        did: alpha.did,
        name: 'alpha',
        nodeId: undefined,
        addresses: ['/ip4/127.0.0.1/tcp/4001'],
        source: 'overlay',
        proof: 'self-signed',
        ageMs: 2_000,
        stalenessBoundMs: 150_000,
      });
    }
    const [known] = await locatorOf([endpoint.address], knowing(memberOf(alpha, 7, 'alpha'))).locate(
      alpha.peerId,
      LIMIT,
    );
    expect(known).toMatchObject({ proof: 'signed', nodeId: 7 });
  });

  it('is found by node id, hostname and tag through the list of members', async () => {
    await using endpoint = await StatusEndpoint.start({
      [`/peers/${alpha.peerId}`]: claimOf(alpha, 'Alpha'),
      [`/peers/${beta.peerId}`]: claimOf(beta, 'beta'),
      '/search': lines([]),
    });
    const known = knowing(memberOf(alpha, 7, 'alpha', ['node', 'gpu']), memberOf(beta, 8, 'beta', ['gpu']));
    const locator = locatorOf([endpoint.address], known);
    const namesOf = async (what: string) => (await locator.locate(what, LIMIT)).map(({ name }) => name);
    expect(await namesOf('7')).toEqual(['Alpha']);
    expect(await namesOf('ALPHA')).toEqual(['Alpha']);
    expect((await namesOf('#gpu')).toSorted()).toEqual(['Alpha', 'beta']);
    expect((await namesOf('gpu')).toSorted()).toEqual(['Alpha', 'beta']);
    expect(await namesOf('9')).toEqual([]);
    await expect(locatorOf([endpoint.address], nobody).locate('7', LIMIT)).rejects.toMatchObject({
      code: 'FIND_NO_MEMBERS',
    });
  });

  it('is found by a name that is not registered, and only by the whole of it', async () => {
    await using endpoint = await StatusEndpoint.start({
      '/search': lines([claimOf(beta, 'alphabet'), claimOf(alpha, 'alpha')]),
    });
    const found = await locatorOf([endpoint.address], nobody).locate('alpha', LIMIT);
    expect(found.map(({ name, proof }) => [name, proof])).toEqual([['alpha', 'self-signed']]);
  });

  it('comes from the first of the endpoints that has it; those that hang or are gone cost nothing', async () => {
    await using silent = await StatusEndpoint.start({ [`/peers/${alpha.peerId}`]: () => {} });
    await using gone = await StatusEndpoint.start({});
    const { address } = gone;
    await gone[Symbol.asyncDispose]();
    await using endpoint = await StatusEndpoint.start({
      [`/peers/${alpha.peerId}`]: claimOf(alpha, 'alpha'),
    });
    const locator = locatorOf([silent.address, address, endpoint.address], nobody);
    expect(await locator.locate(alpha.peerId, { timeoutMs: 60_000 })).toHaveLength(1);
  });

  it('is an error when no endpoint answers', async () => {
    await using gone = await StatusEndpoint.start({});
    const { address } = gone;
    await gone[Symbol.asyncDispose]();
    await expect(locatorOf([address], nobody).locate(alpha.peerId, LIMIT)).rejects.toMatchObject({
      code: 'STATUS_UNREACHABLE',
    });
  });
});

describe('what does not hold', () => {
  it('is a registered name with another key: loud, also beside the right answer', async () => {
    await using endpoint = await StatusEndpoint.start({
      [`/peers/${alpha.peerId}`]: claimOf(alpha, 'alpha'),
      '/search': lines([claimOf(mallory, 'Alpha'), claimOf(alpha, 'alpha')]),
    });
    const known = knowing(memberOf(alpha, 7, 'alpha'), memberOf(mallory, 66, 'mallory'));
    const answer = await locatorOf([endpoint.address], known).ask('alpha', LIMIT);
    expect(answer.located.map(({ peerId }) => peerId)).toEqual([alpha.peerId]);
    expect(answer.conflicts).toEqual([
      { name: 'Alpha', peerId: mallory.peerId, registeredPeerId: alpha.peerId },
    ]);
    await using liar = await StatusEndpoint.start({ '/search': lines([claimOf(mallory, 'alpha')]) });
    await expect(locatorOf([liar.address], known).locate('alpha', LIMIT)).rejects.toMatchObject({
      code: 'FIND_KEY_MISMATCH',
    });
  });

  it('is a record that somebody has changed, or that is of another peer than was asked for', async () => {
    const changed = claimOf(alpha, 'alpha') as { record: Record<string, string> };
    changed.record['stream_address'] = `/ip4/192.0.2.66/tcp/4001/p2p/${alpha.peerId}`;
    for (const claim of [changed, claimOf(mallory, 'alpha'), { record: null }, { record: 'x' }]) {
      await using endpoint = await StatusEndpoint.start({ [`/peers/${alpha.peerId}`]: claim });
      await expect(locatorOf([endpoint.address], nobody).locate(alpha.peerId, LIMIT)).rejects.toMatchObject({
        code: 'STATUS_REFUSED',
      });
    }
    await using endpoint = await StatusEndpoint.start({ '/search': lines([changed, { record: 7 }, {}]) });
    expect(await locatorOf([endpoint.address], nobody).locate('alpha', LIMIT)).toEqual([]);
  });

  it('is an answer without end, or one that is no answer', async () => {
    const huge = (response: ServerResponse): void => {
      response.writeHead(200);
      response.write('x'.repeat(2 * MAX_SEARCH_BYTES));
    };
    await using endless = await StatusEndpoint.start({ '/search': huge, [`/peers/${alpha.peerId}`]: huge });
    for (const what of ['alpha', alpha.peerId]) {
      await expect(locatorOf([endless.address], nobody).locate(what, LIMIT)).rejects.toMatchObject({
        code: 'STATUS_REFUSED',
      });
    }
    await using page = await StatusEndpoint.start({
      [`/peers/${alpha.peerId}`]: (response) => response.end('<html>'),
    });
    await expect(locatorOf([page.address], nobody).locate(alpha.peerId, LIMIT)).rejects.toMatchObject({
      code: 'STATUS_REFUSED',
    });
  });

  it('is a question that makes no sense', async () => {
    for (const what of [
      '',
      ' ',
      '0',
      '4294967296',
      'did:web:x',
      '12D3KooWnot',
      'a\u001b[31m',
      'x'.repeat(300),
    ]) {
      await expect(locatorOf([], nobody).locate(what, LIMIT)).rejects.toMatchObject({ code: 'USAGE' });
    }
  });
});
