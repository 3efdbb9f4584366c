import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../../../benchmarks/coordination/lab/fleet.ts';
import {
  type ImagePlan,
  type ImageFacts,
  MIB,
  scaled,
  sharing,
  SMALL,
} from '../../../../benchmarks/coordination/lab/images.ts';
import { SCENARIOS } from '../../../../benchmarks/coordination/scenarios.ts';
import { corrupt, firstChoice } from '../../../../benchmarks/coordination/scenarios/failures.ts';
import type { Skopeo } from '../../../../benchmarks/coordination/lab/skopeo.ts';
import { hasRegistryPrograms, type Mirrors, RegistryLab } from './coordination-lab.ts';
import { expectShortForm } from './short-form.ts';

const MIRRORS = 10;
/** Bound of what must come about; the machine may be busy. */
const PATIENCE_MS = 90_000;
const LONG = { timeout: 240_000 };

/** 4 MiB in three layers. */
const FIRST = scaled(SMALL, 0.25);

function imageOf(name: string): ImagePlan {
  return {
    name,
    layers: [
      { name: `lab-${name}-0`, size: 200_000 },
      { name: `lab-${name}-1`, size: 3 * MIB },
    ],
  };
}

describe.skipIf(!hasRegistryPrograms())('skopeo through ten mirrors before a registry', LONG, () => {
  let lab: RegistryLab;
  let mirrors: Mirrors;
  let first: ImageFacts & { readonly reference: string };

  beforeAll(async () => {
    lab = await RegistryLab.start();
    first = await lab.push(FIRST);
    mirrors = await lab.mirrors('fleet', MIRRORS);
  }, PATIENCE_MS * 2);

  afterAll(async () => {
    await mirrors?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  it('asks the registry for each digest once, whoever starts first', async () => {
    expect(await mirrors.copy(first.reference)).toEqual([]);
    expect(await mirrors.missing(first)).toEqual([]);
    const { digests, bytes, clients } = lab.proxy.summary();
    expect(digests).toEqual(
      Object.fromEntries(
        first.digests.map((digest) => [digest, { get: 1, head: 0, bytes: expect.any(Number) }]),
      ),
    );
    expect(bytes).toBe(first.bytes);
    // No client has gone around its mirror.
    expect(clients).not.toHaveProperty('skopeo');
  });

  it('asks the registry for nothing when all have it', async () => {
    lab.proxy.reset();
    expect(await mirrors.copy(first.reference)).toEqual([]);
    expect(await mirrors.missing(first)).toEqual([]);
    expect(lab.proxy.summary().requests).toBe(0);
  });

  it('asks only for what is new in an image that shares layers', async () => {
    const second = await lab.push(sharing(FIRST));
    expect(await mirrors.copy(second.reference)).toEqual([]);
    expect(await mirrors.missing(second)).toEqual([]);
    const fresh = second.digests.filter((digest) => !first.digests.includes(digest));
    expect(fresh.length).toBeLessThan(second.digests.length);
    const { digests } = lab.proxy.summary();
    expect(Object.keys(digests).toSorted()).toEqual(fresh.toSorted());
    for (const digest of fresh) expect(digests[digest], digest).toMatchObject({ get: 1, head: 0 });
  });

  it('lets clients have an image after the registry is gone', async () => {
    const image = await lab.push(imageOf('gone'));
    const [one, ...others] = mirrors.clients;
    expect(await mirrors.copy(image.reference, one === undefined ? [] : [one])).toEqual([]);
    lab.proxy.setDown(true);
    try {
      expect(await mirrors.copy(image.reference, others)).toEqual([]);
      expect(await mirrors.missing(image)).toEqual([]);
    } finally {
      lab.proxy.setDown(false);
    }
  });

  it('gives no client the whole of a corrupted object, and reads the right one once more', async () => {
    const image = await lab.push(imageOf('corrupt'));
    expect(await mirrors.copy(image.reference, mirrors.clients.slice(0, 1))).toEqual([]);
    // Others may have the layer, too, because they were asked to pull it.
    const others: Skopeo[] = [];
    for (const [index, agent] of mirrors.fleet.agents.entries()) {
      const hasIt = await corrupt(agent, image.largest.digest).then(
        () => true,
        () => false,
      );
      if (!hasIt) others.push(mirrors.clients[index] as Skopeo);
    }
    lab.proxy.reset();
    // A body that turns out wrong is cut before its end; then a client asks again.
    const waiting = new Set(others);
    await expect
      .poll(
        async () => {
          const asking = [...waiting];
          for (const [index, { ok, text }] of (await mirrors.runs(image.reference, asking)).entries()) {
            if (ok) waiting.delete(asking[index] as Skopeo);
            else expect(text).toMatch(/EOF|reset|50[23]/);
          }
          return waiting.size;
        },
        { timeout: PATIENCE_MS, interval: 1_000 },
      )
      .toBe(0);
    expect(await mirrors.missing(image, others)).toEqual([]);
    const { digests, clients } = lab.proxy.summary();
    expect(digests).toMatchObject({ [image.largest.digest]: { get: 1 } });
    // Who sent wrong bytes is left alone for all objects: what was not copied from it before is read once more, too.
    expect(Object.values(digests).map(({ get }) => get)).toEqual(Object.keys(digests).map(() => 1));
    expect(clients).not.toHaveProperty('skopeo');
  });

  it('leaves tags to the registry, so that a moved tag is seen at once', async () => {
    expect(await mirrors.copy(`lab/${FIRST.name}:latest`)).toEqual([]);
    expect(lab.proxy.summary().classes.manifest_by_tag).toBe(MIRRORS);
    const [client] = mirrors.clients;
    const manifest = await readFile(join(client?.folder ?? '', 'manifest.json'));
    expect(first.digests).toContain(first.root);
    expect(JSON.parse(manifest.toString())).toHaveProperty('layers');
  });
});

describe.skipIf(!hasRegistryPrograms())('mirrors that lose their puller, or the right to pull', LONG, () => {
  it('finish a pull whose puller is killed in the middle, with one read more', async () => {
    await using lab = await RegistryLab.start();
    const image = await lab.push(imageOf('killed'));
    await using mirrors = await lab.mirrors('fleet', MIRRORS);
    // The largest layer takes six seconds.
    lab.proxy.bytesPerSecond = image.largest.size / 6;
    const puller = firstChoice(mirrors.fleet, image.largest.digest);
    const others = mirrors.clients.filter((_, index) => index !== puller.index);
    const copied = mirrors.copy(image.reference, others);
    const isPulling = (): boolean =>
      lab.proxy.countsOf(image.largest.digest).bytes > image.largest.size * 0.3;
    await until(isPulling, PATIENCE_MS, 'the largest layer is not being pulled');
    await puller.kill();
    lab.proxy.bytesPerSecond = 0;
    expect(await copied).toEqual([]);
    expect(await mirrors.missing(image, others)).toEqual([]);
    const { clients } = lab.proxy.summary();
    expect(clients).not.toHaveProperty('skopeo');
    expect(lab.proxy.countsOf(image.largest.digest).get).toBe(2);
  });

  it('ask little of a registry that refuses their password, and pull when it is right', async () => {
    await using lab = await RegistryLab.start({ hasPassword: true });
    const image = await lab.push(imageOf('password'));
    const credentials = join(lab.folder, 'credentials');
    await writeFile(credentials, 'user:wrong\n', { mode: 0o600 });
    await using mirrors = await lab.mirrors('fleet', MIRRORS, {
      credentialsFile: credentials,
      settings: { origin_failure_cooldown_initial: '2s', origin_failure_honor_window_cap: '2s' },
    });
    // Strict clients: they have no password either, and must not go around the mirror.
    const clients = await Promise.all(
      mirrors.fleet.agents.map(({ mirror }) => lab.client(mirror.slice('http://'.length), true)),
    );
    expect(await mirrors.copy(image.reference, clients)).toHaveLength(MIRRORS);
    // A challenge and one answer to it for each pull; never one for each of the ten.
    expect(lab.proxy.countsOf(image.root).get).toBeLessThanOrEqual(6);
    expect(lab.proxy.summary().bytes).toBeLessThan(10_000);
    await writeFile(credentials, `${lab.login?.user}:${lab.login?.password}\n`, { mode: 0o600 });
    await expect
      .poll(() => mirrors.copy(image.reference, clients), { timeout: PATIENCE_MS, interval: 1_000 })
      .toEqual([]);
    expect(await mirrors.missing(image, clients)).toEqual([]);
  });
});

/** Scenarios that depend on no time-out; `npm run soak` runs the others. */
const SHORT = ['S10', 'S20', 'S21', 'S23', 'S24'];

describe('scenarios of the laboratory, in their short forms', LONG, () => {
  it.for(SCENARIOS.filter(({ id }) => SHORT.includes(id)))('$id: $title', async (scenario) => {
    await expectShortForm(scenario);
  });
});
