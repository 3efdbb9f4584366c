import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MirrorFleet } from '../../../../benchmarks/coordination/lab/fleet.ts';
import { makeImage, scaled, SMALL } from '../../../../benchmarks/coordination/lab/images.ts';
import { OriginServer } from '../../../../benchmarks/coordination/lab/origin-server.ts';

const PROGRAM = new URL('../../bin/muster.mjs', import.meta.url).pathname;
const REGISTRY = 'lab.example';
const REPOSITORY = 'team/app';
const PATIENCE_MS = 60_000;

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end. */
async function muster(...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], { timeout: PATIENCE_MS }, (error, stdout, stderr) => {
      resolve({
        exitCode: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1,
        stdout,
        stderr,
      });
    });
  });
}

interface Pulled {
  readonly bytes: number;
  readonly bytesBySource: Readonly<Record<string, number>>;
  readonly objects: readonly { readonly digest: string; readonly kind: string; readonly source: string }[];
}

describe('three mirrors with their members in a file', { timeout: PATIENCE_MS * 3 }, () => {
  const image = makeImage(scaled(SMALL, 0.25));
  let folder: string;
  let origin: OriginServer;
  let fleet: MirrorFleet;
  let reference: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-mirror-'));
    origin = await OriginServer.start();
    for (const object of image.objects) origin.addObject(object);
    origin.tag(REPOSITORY, '1', image.root.digest);
    reference = `${REGISTRY}/${REPOSITORY}:1`;
    const membersFile = join(folder, 'members.json');
    await writeFile(membersFile, JSON.stringify({ nodes: [] }));
    fleet = await MirrorFleet.make({
      folder,
      count: 3,
      origin: origin.url,
      registryName: REGISTRY,
      settings: (index) => ({
        members_announce_dir: '',
        members_file: membersFile,
        node_name: `machine-${index}`,
        zone: index === 0 ? 'z1' : 'z2',
        log_level: 'info',
      }),
    });
    await Promise.all(fleet.agents.map((agent) => agent.start()));
    // Who they are is known when they run; so it would be written by whatever knows the machines.
    const nodes = await Promise.all(
      fleet.agents.map(async ({ nodeId, peerId, transfer, state }, index) => {
        const { p2pAddresses } = (await state.call(fleet.at(index))) as { p2pAddresses: readonly string[] };
        return {
          id: nodeId,
          addr: transfer,
          zone: index === 0 ? 'z1' : 'z2',
          peer_id: peerId,
          p2p_addrs: p2pAddresses,
        };
      }),
    );
    await writeFile(`${membersFile}.new`, JSON.stringify({ nodes }));
    await rm(membersFile);
    await writeFile(membersFile, JSON.stringify({ nodes }));
    await fleet.untilReady(PATIENCE_MS);
  }, PATIENCE_MS * 2);

  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
    await origin?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const pull = (index: number, what: string, ...args: readonly string[]): Promise<Outcome> => {
    const { mirror } = fleet.at(index);
    return muster('pull', what, '--mirror', mirror.replace('http://', ''), '--json', ...args);
  };

  it('says who it is in one line', () => {
    expect(fleet.agents.map(({ nodeId }) => nodeId)).toEqual(['machine-0', 'machine-1', 'machine-2']);
  });

  it('cold: two nodes at once, and the origin is asked once for each object', async () => {
    const output = join(folder, 'layout');
    const outcomes = await Promise.all([
      pull(0, reference, '--origin', origin.url, '--output', output),
      pull(1, reference, '--origin', origin.url),
    ]);
    for (const { exitCode, stderr } of outcomes)
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const { digest } of image.objects) {
      expect(origin.countsOf(digest).get, digest).toBe(1);
    }
    const pulled = JSON.parse(outcomes[0]!.stdout) as Pulled;
    expect(pulled.objects.map(({ digest }) => digest).sort()).toEqual(
      image.objects.map(({ digest }) => digest).sort(),
    );
    const files = await readdir(join(output, 'blobs', 'sha256'));
    expect(files.sort()).toEqual(image.objects.map(({ digest }) => digest.slice(7)).sort());
    const index = JSON.parse(await readFile(join(output, 'index.json'), 'utf8')) as {
      readonly manifests: readonly { readonly digest: string }[];
    };
    expect(index.manifests.map(({ digest }) => digest)).toEqual([image.root.digest]);
  });

  it('warm: a third node has it from the others, and then from its own cache', async () => {
    const before = origin.summary().requests;
    const digestReference = `${REGISTRY}/${REPOSITORY}@${image.root.digest}`;
    const first = JSON.parse((await pull(2, digestReference)).stdout) as Pulled;
    expect(first.bytesBySource['origin']).toBeUndefined();
    const second = JSON.parse((await pull(2, digestReference)).stdout) as Pulled;
    expect(second.bytesBySource).toEqual({ cache: second.bytes });
    expect(origin.summary().requests).toBe(before);
  });

  it('origin down after the first pull: what the cluster has is served, what it has not is refused', async () => {
    origin.setDown(true);
    try {
      const known = await pull(1, `${REGISTRY}/${REPOSITORY}@${image.root.digest}`);
      expect(known.exitCode).toBe(0);
      const unknown = await pull(1, `${REGISTRY}/${REPOSITORY}@sha256:${'0'.repeat(64)}`, '--timeout', '20s');
      expect(unknown.exitCode).not.toBe(0);
      const byTag = await pull(1, reference, '--origin', origin.url);
      expect(byTag.exitCode).toBe(9);
      expect(byTag.stderr).toContain('ORIGIN_UNREACHABLE');
    } finally {
      origin.setDown(false);
    }
  });

  it('mirror status shows the members and from where things came', async () => {
    const ops = fleet.at(2).ops.replace('http://', '');
    const { exitCode, stdout } = await muster(
      'mirror',
      'status',
      '--ops',
      ops,
      '--digest',
      image.root.digest,
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain('machine-2 (this one)');
    expect(stdout).toContain('from nodes');
    const state = JSON.parse((await muster('mirror', 'status', '--ops', ops, '--json')).stdout) as {
      readonly ready: boolean;
      readonly figures: { readonly peerBytes: number; readonly originBytes: number };
    };
    expect(state.ready).toBe(true);
    expect(state.figures.peerBytes + state.figures.originBytes).toBe(
      image.objects.reduce((sum, { size }) => sum + size, 0),
    );
  });

  it('doctor names what is missing for containerd, and proves it when it is there', async () => {
    const { mirror, ops } = fleet.at(2);
    const certs = join(folder, 'certs.d');
    const args = [
      'doctor',
      'mirror',
      '--ops',
      ops.replace('http://', ''),
      '--certs-dir',
      certs,
      '--containerd-config',
      join(folder, 'none.toml'),
      '--registries-conf',
      join(folder, 'none.conf'),
      '--docker-config',
      join(folder, 'none.json'),
      '--image',
      `${REGISTRY}/${REPOSITORY}@${image.root.digest}`,
      '--json',
    ];
    await mkdir(join(certs, REGISTRY), { recursive: true });
    const missing = await muster(...args);
    expect(missing.exitCode).toBe(10);
    expect(missing.stdout).toContain('hosts.toml');
    await writeFile(
      join(certs, REGISTRY, 'hosts.toml'),
      `server = "${origin.url}"\n[host."${mirror}"]\n  capabilities = ["pull", "resolve"]\n  skip_verify = true\n`,
    );
    const right = await muster(...args);
    expect(right.exitCode, right.stdout).toBe(0);
    expect(right.stdout).toContain('from the cache');
  });

  it('a second one on the same cache folder does not start, and says why', async () => {
    const config = join(fleet.at(0).folder, 'config.yml');
    const { exitCode, stderr } = await muster('mirror', 'run', '--config', config);
    expect(exitCode).toBe(4);
    expect(stderr).toContain('is in use by process');
  });

  it('ends within ten seconds when it is asked to, and leaves nothing unfinished', async () => {
    const agent = fleet.at(0);
    agent.signal('SIGTERM');
    await expect.poll(() => agent.isRunning, { timeout: 15_000 }).toBe(false);
    const parts = await readdir(join(agent.cacheFolder, 'tmp')).catch(() => []);
    expect(parts).toEqual([]);
  });
});
