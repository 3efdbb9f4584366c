import { type Located, type Locator, MusterError, type WaitLimit } from '@muster/core';
import { didOf } from '@muster/core/identity';
import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { find, type FindOptions, type Found, HEDGE_MS } from '../../src/find/find.ts';
import type { OverlayAnswer } from '../../src/find/overlay-locator.ts';
import { foundJson, foundText } from '../../src/find/show-found.ts';
import { identityOf } from '../support/signed-records.ts';

const { publicKey, peerId } = identityOf(1);

function locatedBy(source: Located['source'], more: Partial<Located> = {}): Located {
  return {
    publicKey,
    peerId,
    nodeId: 7,
    name: `alpha of the ${source}`,
    tags: [],
    addresses: [],
    source,
    did: didOf(publicKey),
    ageMs: 2_000,
    stalenessBoundMs: source === 'registry' ? 180_000 : 150_000,
    proof: source === 'registry' ? 'authority' : 'signed',
    ...more,
  };
}

const unreachable = new MusterError('CONNECT_FAILED', 'no connection to 127.0.0.1:9000');

/** Somebody to ask, who answers when told to. */
class Asked {
  readonly limits: WaitLimit[] = [];
  readonly #answers: PromiseWithResolvers<readonly Located[]>[] = [];

  async locate(_what: string, limit: WaitLimit): Promise<readonly Located[]> {
    this.limits.push(limit);
    const answer = Promise.withResolvers<readonly Located[]>();
    limit.signal?.addEventListener('abort', () => answer.reject(limit.signal?.reason));
    this.#answers.push(answer);
    return await answer.promise;
  }

  async ask(what: string, limit: WaitLimit): Promise<OverlayAnswer> {
    return { located: await this.locate(what, limit), conflicts: [] };
  }

  answer(...located: readonly Located[]): void {
    this.#answers.at(-1)?.resolve(located);
  }

  fail(error: Error): void {
    this.#answers.at(-1)?.reject(error);
  }
}

/** Lets what was settled have its consequences. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

function ask(options: Partial<FindOptions> = {}) {
  const clock = new ManualClock();
  const registry = new Asked();
  const overlay = new Asked();
  const asked: Locator = { source: 'registry', locate: (what, limit) => registry.locate(what, limit) };
  const answer = find('alpha', {
    registry: asked,
    overlay,
    registryMs: 10_000,
    overlayMs: 5_000,
    timers: clock,
    ...options,
  });
  answer.catch(() => {});
  return { clock, registry, overlay, answer };
}

describe('who answers a question', () => {
  it('is the registry alone when it answers soon: the overlay is not even asked', async () => {
    const { registry, overlay, answer } = ask();
    registry.answer(locatedBy('registry'));
    expect(await answer).toMatchObject({ source: 'registry', registryFailure: undefined });
    expect(overlay.limits).toHaveLength(0);
  });

  it('is the registry when it answers late, whatever the overlay has said meanwhile', async () => {
    const { clock, registry, overlay, answer } = ask();
    clock.advance(HEDGE_MS);
    overlay.answer(locatedBy('overlay'));
    await settle();
    registry.answer(locatedBy('registry'));
    const found = await answer;
    expect(found.source).toBe('registry');
    expect(found.located.map(({ source }) => source)).toEqual(['registry']);
  });

  it('is the registry when it knows nobody: what the overlay knows is not put in its place', async () => {
    const { clock, registry, overlay, answer } = ask();
    clock.advance(HEDGE_MS);
    overlay.answer(locatedBy('overlay'));
    registry.answer();
    expect(await answer).toMatchObject({ source: 'registry', located: [] });
  });

  it('is the overlay when the registry fails, and says why', async () => {
    const { registry, overlay, answer } = ask();
    registry.fail(unreachable);
    await settle();
    overlay.answer(locatedBy('overlay'));
    const found = await answer;
    expect(found.source).toBe('overlay');
    expect(found.registryFailure).toBe(unreachable);
    expect(found.located.every(({ source }) => source === 'overlay')).toBe(true);
  });

  it('was asked already when a silent registry is given up: no time is lost', async () => {
    const { clock, registry, overlay, answer } = ask();
    clock.advance(HEDGE_MS - 1);
    expect(overlay.limits).toHaveLength(0);
    clock.advance(1);
    expect(overlay.limits).toHaveLength(1);
    overlay.answer(locatedBy('overlay'));
    await settle();
    registry.fail(unreachable);
    expect((await answer).source).toBe('overlay');
    expect(overlay.limits).toHaveLength(1);
  });

  it('is nobody when both fail: the error has the code of the registry, and tells of both', async () => {
    const { registry, overlay, answer } = ask();
    registry.fail(unreachable);
    await settle();
    overlay.fail(new MusterError('STATUS_UNREACHABLE', 'no node answers'));
    await expect(answer).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: /9000; and of the overlay: no node answers/,
    });
  });

  it('is bounded: a registry that never ends is left', async () => {
    const { clock, overlay, answer } = ask();
    clock.advance(10_000);
    overlay.answer(locatedBy('overlay'));
    expect((await answer).registryFailure?.message).toContain('no answer within 10000 ms');
  });

  it('is whoever there is, when there is only one to ask', async () => {
    const alone = ask({ overlay: undefined });
    alone.registry.fail(unreachable);
    await expect(alone.answer).rejects.toBe(unreachable);
    const without = ask({ registry: undefined });
    without.overlay.answer(locatedBy('overlay'));
    expect(await without.answer).toMatchObject({ source: 'overlay', registryFailure: undefined });
  });
});

describe('an answer as it is shown', () => {
  const context = {
    what: 'alpha',
    registry: '127.0.0.1:9000',
    ms: 12.3,
    membersConfirmedAt: 960_000,
    now: 1_000_000,
  };
  const fromOverlay: Found = {
    source: 'overlay',
    located: [locatedBy('overlay')],
    conflicts: [],
    registryFailure: unreachable,
  };

  it('says whose it is, its age and its bound', () => {
    const text = foundText(
      { source: 'registry', located: [locatedBy('registry')], conflicts: [], registryFailure: undefined },
      context,
    );
    expect(text).toContain('registry (authority), confirmed 2 s ago, may be stale by up to 180 s');
    expect(text).not.toContain('overlay (');
  });

  it('says why the registry was not believed, and which key was compared', () => {
    const text = foundText(fromOverlay, context);
    expect(text).toContain(
      'overlay (signed by the peer), confirmed 2 s ago, may be stale by up to 150 s; the registry at 127.0.0.1:9000 does not answer: no connection to 127.0.0.1:9000',
    );
    expect(text).toContain('signed with the registered key, as the registry told it 40 s ago');
    expect(text).toContain('7 (as the registry told 40 s ago)');
  });

  it('says when nobody vouches for the key', () => {
    const found = {
      ...fromOverlay,
      located: [locatedBy('overlay', { proof: 'self-signed', nodeId: undefined, ageMs: undefined })],
    };
    expect(foundText(found, context)).toMatch(
      /of unknown age.*\n.*self-signed: the key was not among the members 40 s ago/s,
    );
    expect(foundText(found, { ...context, membersConfirmedAt: undefined })).toContain('no list of members');
  });

  it('does not let a name move the terminal, or make lines of its own', () => {
    const name = 'alpha\u001b[2J\nsource       registry (authority)';
    const text = foundText({ ...fromOverlay, located: [locatedBy('overlay', { name })] }, context);
    expect(text).not.toContain('\u001b');
    expect(text.split('\n').filter((line) => line.startsWith('source'))).toHaveLength(1);
  });

  it('holds the same for scripts', () => {
    expect(foundJson(fromOverlay, context)).toMatchObject({
      source: 'overlay',
      registryUnreachable: 'no connection to 127.0.0.1:9000',
      ms: 12,
      membersConfirmedAt: 960_000,
      located: [
        {
          source: 'overlay',
          proof: 'signed',
          ageMs: 2_000,
          stalenessBoundMs: 150_000,
          publicKey: Buffer.from(publicKey).toString('base64'),
        },
      ],
    });
  });
});
