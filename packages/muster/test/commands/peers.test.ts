import { EXIT_CODES } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/index.ts';
import { StatusEndpoint } from '../support/status-endpoint.ts';
import { errorOf, run, TestIo } from '../support/test-io.ts';

const INDEXER = '12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq';
const OTHER = '12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhASuq';

const entry = {
  peer_id: INDEXER,
  seed: true,
  healthy: true,
  referent: true,
  score: 79.83,
  minimum_score: 20,
  confidence: 0.55,
  fill_rate: 0.01,
  rtt_ms: 12.3,
  age_seconds: 4000,
};

const status = {
  name: 'alpha',
  peer_id: 'self',
  roles: ['node'],
  ready: false,
  not_ready_because: ['0 of at least 1 indexers are healthy'],
  pool: {
    entries: [entry, { ...entry, peer_id: OTHER, healthy: false, seed: false, referent: false, score: null }],
  },
  indexer: null,
};

const explanation = {
  peer: INDEXER,
  isSeed: false,
  isHealthy: true,
  isReferent: true,
  score: 60,
  minimumScore: 22.5,
  terms: [
    {
      name: 'challenge',
      meaning: 'right answers',
      value: 0.75,
      weight: 0.2,
      points: 15,
      lostPoints: 5,
      evidence: { challengesCorrect: 3, challengesChecked: 4 },
    },
    {
      name: 'uptime',
      meaning: 'online',
      value: 1,
      weight: 0.2,
      points: 20,
      lostPoints: 0,
      evidence: { answers: 9, totalOnlineMs: 180_000 },
    },
  ],
  base: 85.71,
  restartPenalty: 0.7,
  confidence: 0.62,
  evidence: { alpha: 2.5, beta: 1.5, bornAtChanges: 1, verificationsPassed: 4, verificationsFailed: 1 },
  ageMs: 3_600_000,
  eviction: ['By score: in 15.0 h.', 'By failing: soon.'],
};

describe('muster peers list', () => {
  it('shows the pool with scores, and why a node is not ready', async () => {
    await using endpoint = await StatusEndpoint.start({ '/status': status });
    const { stdout, exitCode } = await run(['peers', 'list', '--status', endpoint.address]);
    expect(exitCode).toBe(EXIT_CODES.ok.code);
    expect(stdout).toContain('no: 0 of at least 1 indexers are healthy');
    expect(stdout).toMatch(
      new RegExp(
        `${INDEXER}  healthy, seed, referent  79\\.8   20\\.0     0\\.55        0\\.01  12 ms       67 min`,
      ),
    );
    expect(stdout).toMatch(new RegExp(`${OTHER}  silent                   -`));
    const json = await run(['peers', 'list', '--status', endpoint.address, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ name: 'alpha', pool: [entry, {}], nodes: [] });
  });

  it('shows the nodes of an indexer, too', async () => {
    const node = {
      peer_id: 'n',
      name: 'bravo',
      is_indexer: false,
      uptime: 0.98,
      age_seconds: 30,
      expires_in_seconds: 100,
    };
    await using endpoint = await StatusEndpoint.start({
      '/status': { ...status, indexer: { records: 1, max_nodes: 500 }, pool: { entries: [] } },
      '/indexer': { nodes: [node] },
    });
    const { stdout } = await run(['peers', 'list', '--status', endpoint.address]);
    expect(stdout).toContain('no indexers in the pool');
    expect(stdout).toMatch(/^n {5}bravo +0\.98/m);
    expect(stdout).toContain('1 node of at most 500');
  });
});

describe('muster peers get', () => {
  it('shows a record', async () => {
    const peer = {
      peer_id: INDEXER,
      did: 'd',
      name: 'bravo',
      api_url: 'https://bravo',
      nats_address: '',
      relation: 'none',
    };
    await using endpoint = await StatusEndpoint.start({ [`/peers/${INDEXER}`]: peer });
    const { stdout } = await run(['peers', 'get', INDEXER, '--status', endpoint.address]);
    expect(stdout).toBe(
      `name      bravo\nDID       d\npeer id   ${INDEXER}\nAPI       https://bravo\nrelation  none\n`,
    );
  });

  it.each([
    ['PEER_OFFLINE', 404, EXIT_CODES.notFound.code],
    ['PEER_NOT_FOUND', 404, EXIT_CODES.notFound.code],
    ['NO_INDEXER', 503, EXIT_CODES.unreachable.code],
  ])('says %s', async (code, answered, exitCode) => {
    await using endpoint = await StatusEndpoint.start({
      '/peers/x': (response) => response.writeHead(answered).end(JSON.stringify({ error: 'text', code })),
    });
    const outcome = await run(['peers', 'get', 'x', '--status', endpoint.address, '--json']);
    expect(outcome.exitCode).toBe(exitCode);
    expect(errorOf(outcome)).toMatchObject({ code, message: 'text' });
  });
});

describe('muster peers search', () => {
  const hit = { hit: { peer_id: INDEXER, did: 'd', name: 'bravo', verified: true, record: null } };
  const end = { end: { reason: 'complete', hits: 1, ms: 12 } };

  it('prints hits as they come', async () => {
    const more = Promise.withResolvers<void>();
    await using endpoint = await StatusEndpoint.start({
      '/search': (response) => {
        response.write(`${JSON.stringify(hit)}\n{"hit":{"peer_id":"p","did":"e","na`);
        void more.promise.then(() =>
          response.end(`me":"brave","verified":false}}\n${JSON.stringify(end)}\n`),
        );
      },
    });
    const io = new TestIo();
    const ended = runCli(['peers', 'search', 'bra vo', '--status', endpoint.address], io);
    expect(await io.printed('\n')).toContain(INDEXER);
    more.resolve();
    expect(await ended).toBe(EXIT_CODES.ok.code);
    expect(endpoint.asked).toEqual(['/search?name=bra%20vo']);
    expect(io.written.stdout.split('\n')[1]).toContain('not proven');
    expect(io.written.stderr).toBe('2 peers in 12 ms\n');
  });

  it('as JSON, one object a line', async () => {
    await using endpoint = await StatusEndpoint.start({
      '/search': (response) => response.end(`${JSON.stringify(hit)}\n${JSON.stringify(end)}\n`),
    });
    const { stdout } = await run(['peers', 'search', 'bra', '--status', endpoint.address, '--json']);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toEqual([
      { event: 'hit', ...hit.hit },
      { event: 'end', ...end.end },
    ]);
  });

  it('tells by its exit code that nothing was found, and why it ended', async () => {
    await using endpoint = await StatusEndpoint.start({
      '/search': (response) => response.end('{"end":{"reason":"broken","hits":0,"ms":5}}\n'),
    });
    const outcome = await run(['peers', 'search', 'bra', '--status', endpoint.address]);
    expect(outcome).toMatchObject({ exitCode: EXIT_CODES.notFound.code, stdout: '' });
    expect(outcome.stderr).toContain('0 peers in 5 ms; the indexer broke off');
  });

  it('ends when it is stopped, and when a script goes away', async () => {
    for (const stop of ['stop', 'closeOutput'] as const) {
      const gone = Promise.withResolvers<void>();
      await using endpoint = await StatusEndpoint.start({
        '/search': (response) => {
          response.once('close', gone.resolve);
          response.write(`${JSON.stringify(hit)}\n`);
        },
      });
      const io = new TestIo();
      const ended = runCli(['peers', 'search', 'bra', '--status', endpoint.address], io);
      await io.printed('\n');
      io[stop]();
      expect(await ended).toBe(EXIT_CODES.ok.code);
      await gone.promise;
    }
  });

  it('shows nothing that a terminal would act upon', async () => {
    const name = 'br\u001b[2Javo';
    await using endpoint = await StatusEndpoint.start({
      '/search': (response) => response.end(`${JSON.stringify({ hit: { ...hit.hit, name } })}\n`),
    });
    const { stdout } = await run(['peers', 'search', 'br', '--status', endpoint.address]);
    expect(stdout).not.toContain('\u001b');
  });
});

describe('muster peers score', () => {
  const answers = {
    '/pool': { entries: [{ peer_id: INDEXER }, { peer_id: OTHER }] },
    [`/scores/${INDEXER}`]: explanation,
  };

  it('explains term by term, and what would evict it', async () => {
    await using endpoint = await StatusEndpoint.start(answers);
    const { stdout } = await run(['peers', 'score', 'Lr2NASuq', '--status', endpoint.address]);
    expect(stdout).toContain(`indexer     ${INDEXER}\nstate       healthy, referent\n`);
    expect(stdout).toContain('60.0 of 100 at its last answer');
    expect(stdout).toContain('confidence  0.62 (alpha 2.5, beta 1.5)\nchecks      4 good, 1 failed');
    expect(stdout).toMatch(/^challenge +0\.750 +0\.20 +15\.0 +5\.0 +3 of 4 +right answers$/m);
    expect(stdout).toMatch(/^uptime +1\.000 +0\.20 +20\.0 +0\.0 +answers 9, 3 min online +online$/m);
    expect(stdout).toMatch(/^restarts +× 0\.70 +60\.0 +1 restarts$/m);
    expect(stdout).toContain('What would evict it:\n  * By score: in 15.0 h.\n  * By failing: soon.');
    const json = await run(['peers', 'score', INDEXER, '--status', endpoint.address, '--json']);
    expect(JSON.parse(json.stdout)).toEqual(explanation);
  });

  it('asks for more of a name that several have, and says when none has it', async () => {
    await using endpoint = await StatusEndpoint.start(answers);
    const several = await run(['peers', 'score', 'ASuq', '--status', endpoint.address, '--json']);
    expect(several.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(several).message).toContain(`${INDEXER}, ${OTHER}`);
    const none = await run(['peers', 'score', 'nobody', '--status', endpoint.address, '--json']);
    expect(none.exitCode).toBe(EXIT_CODES.notFound.code);
    expect(errorOf(none).code).toBe('STATUS_NOT_FOUND');
  });
});

describe('the status endpoint', () => {
  it('is named by an address, a port, or the environment of the node', async () => {
    await using endpoint = await StatusEndpoint.start({ '/status': status });
    const port = endpoint.address.split(':')[1] as string;
    const named: readonly (readonly [readonly string[], Readonly<Record<string, string>>])[] = [
      [['--status', endpoint.address], {}],
      [['--status-port', port], {}],
      [[], { MUSTER_STATUS: endpoint.address }],
      [[], { OCDISCOVERY_STATUS_PORT: port }],
      [[], { STATUS_PORT: port }],
    ];
    for (const [args, environment] of named) {
      const { exitCode } = await run(['peers', 'list', ...args], new TestIo({ environment }));
      expect(exitCode).toBe(EXIT_CODES.ok.code);
    }
    const nowhere = await run(['peers', 'list', '--json']);
    expect(nowhere.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(nowhere).message).toContain('--status');
  });

  it('that is none, or does not answer, is told of', async () => {
    await using endpoint = await StatusEndpoint.start({
      '/status': (response) => response.end('<html>'),
      '/pool': () => {},
    });
    const other = await run(['peers', 'list', '--status', endpoint.address, '--json']);
    expect(other.exitCode).toBe(EXIT_CODES.refused.code);
    const slow = await run([
      'peers',
      'score',
      'x',
      '--status',
      endpoint.address,
      '--timeout',
      '50ms',
      '--json',
    ]);
    expect(slow.exitCode).toBe(EXIT_CODES.unreachable.code);
    expect(errorOf(slow).message).toContain('no answer in time');
    const { address } = endpoint;
    await endpoint[Symbol.asyncDispose]();
    const gone = await run(['peers', 'list', '--status', address, '--json']);
    expect(gone.exitCode).toBe(EXIT_CODES.unreachable.code);
    expect(errorOf(gone)).toMatchObject({
      code: 'STATUS_UNREACHABLE',
      hint: expect.stringContaining('--status-port'),
    });
  });
});
