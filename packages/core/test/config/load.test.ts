import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  type ConfigFile,
  type ConfigSources,
  defineSettings,
  describeConfig,
  errorCode,
  loadConfig,
  type MusterError,
  type Secret,
} from '../../src/index.ts';

const settings = defineSettings({
  'registry-addr': {
    type: 'text',
    environment: ['MUSTER_REGISTRY_ADDR', 'REGISTRY_ADDR'],
    default: ':9000',
    description: 'Address of the registry.',
    group: 'Registry',
  },
  'log-level': {
    type: 'text',
    environment: 'MUSTER_LOG_LEVEL',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
    description: 'Level.',
    group: 'Logs',
  },
  'stale-threshold': {
    type: 'duration',
    environment: 'MUSTER_STALE_THRESHOLD',
    default: '30m',
    min: '1s',
    description: 'When a node counts as gone.',
    group: 'Registry',
  },
  'max-frame': {
    type: 'size',
    environment: 'MUSTER_MAX_FRAME',
    default: '64KiB',
    max: '64MiB',
    description: 'Largest frame.',
    group: 'Limits',
  },
  'max-connections': {
    type: 'integer',
    environment: 'MUSTER_MAX_CONNECTIONS',
    default: 100,
    min: 1,
    max: 1000,
    description: 'Connections.',
    group: 'Limits',
  },
  tls: { type: 'boolean', environment: 'MUSTER_TLS', default: false, description: 'TLS.', group: 'Registry' },
  seeds: { type: 'list', environment: 'MUSTER_SEEDS', description: 'Seeds.', group: 'Registry' },
  store: { type: 'path', environment: 'MUSTER_STORE', description: 'Store.', group: 'Registry' },
  'admin-token': {
    type: 'secret',
    environment: 'MUSTER_ADMIN_TOKEN',
    description: 'Token.',
    group: 'Registry',
  },
});

const load = (sources: ConfigSources) => loadConfig(settings, sources);

function problemsOf(sources: ConfigSources): readonly string[] {
  try {
    load(sources);
  } catch (error) {
    expect(errorCode(error)).toBe('CONFIG_INVALID');
    const { details, message } = error as MusterError;
    const problems = details['problems'] as string[];
    for (const problem of problems) expect(message).toContain(problem);
    return problems;
  }
  return [];
}

describe('values', () => {
  test('defaults, with units in the names', () => {
    const { values } = load({});
    expect(values).toEqual({
      registryAddr: ':9000',
      logLevel: 'info',
      staleThresholdMs: 1_800_000,
      maxFrameBytes: 65_536,
      maxConnections: 100,
      tls: false,
      seeds: undefined,
      store: undefined,
      adminToken: undefined,
    });
    expectTypeOf(values.staleThresholdMs).toEqualTypeOf<number>();
    expectTypeOf(values.logLevel).toEqualTypeOf<'debug' | 'info' | 'warn' | 'error'>();
    expectTypeOf(values.seeds).toEqualTypeOf<readonly string[] | undefined>();
    expectTypeOf(values.adminToken).toEqualTypeOf<Secret | undefined>();
  });

  test('flags win over the environment, the environment over the file', () => {
    const file = { path: 'muster.yaml', text: 'stale_threshold: 3m\nlog-level: warn\nmax-frame: 1MiB\n' };
    const environment = { MUSTER_STALE_THRESHOLD: '2m', MUSTER_LOG_LEVEL: 'error', MUSTER_TLS: '' };
    const { values, sources } = load({ flags: { 'stale-threshold': '1m' }, environment, file });
    expect(values.staleThresholdMs).toBe(60_000);
    expect(values.logLevel).toBe('error');
    expect(values.maxFrameBytes).toBe(1024 * 1024);
    expect(values.tls).toBe(false);
    expect(sources.get('stale-threshold')).toBe('flag --stale-threshold');
    expect(sources.get('log-level')).toBe('environment MUSTER_LOG_LEVEL');
    expect(sources.get('max-frame')).toBe('muster.yaml:3: max-frame');
    expect(sources.get('tls')).toBe('default');
  });

  test('the first environment name that is set counts', () => {
    const environment = { REGISTRY_ADDR: 'b:1' };
    expect(load({ environment }).values.registryAddr).toBe('b:1');
    expect(load({ environment: { ...environment, MUSTER_REGISTRY_ADDR: 'a:1' } }).values.registryAddr).toBe(
      'a:1',
    );
  });

  test('flags in camel case, as parsers report them', () => {
    expect(load({ flags: { staleThreshold: '5s', unrelated: true } }).values.staleThresholdMs).toBe(5000);
  });

  test.each([
    [
      ['a', 'b,c'],
      ['a', 'b', 'c'],
    ],
    ['a, b,', ['a', 'b']],
    ['', []],
  ])('list %j', (raw, expected) => {
    expect(load({ flags: { seeds: raw } }).values.seeds).toEqual(expected);
  });

  test.each([
    [true, true],
    ['1', true],
    ['Yes', true],
    ['off', false],
    ['0', false],
  ])('boolean %j', (raw, expected) => {
    expect(load({ flags: { tls: raw } }).values.tls).toBe(expected);
  });

  test('JSON with tabs, lists and numbers', () => {
    const text =
      '{\n\t"seeds": ["a:1", "b:2"],\n\t"max-connections": 7,\n\t"tls": true,\n\t"store": null\n}\n';
    const { values, sources } = load({ file: { path: 'muster.json', text } });
    expect(values).toMatchObject({ seeds: ['a:1', 'b:2'], maxConnections: 7, tls: true, store: undefined });
    expect(sources.get('max-connections')).toBe('muster.json:3: max-connections');
  });

  test('an empty file says nothing', () => {
    expect(load({ file: { path: 'empty.yaml', text: '# nothing\n' } }).values.registryAddr).toBe(':9000');
  });
});

describe('problems', () => {
  test('all of them at once, each with its source and what is allowed', () => {
    const text = 'log-level: loud\nstale-treshold: 3m\nstore: [1]\n';
    const problems = problemsOf({
      flags: { 'stale-threshold': '90' },
      environment: { MUSTER_MAX_FRAME: '65MiB', MUSTER_MAX_CONNECTIONS: '0', MUSTER_TLS: 'perhaps' },
      file: { path: 'muster.yaml', text },
    });
    expect([...problems].sort()).toEqual([
      'environment MUSTER_MAX_CONNECTIONS: "0" is out of range; allowed: 1 to 1000',
      'environment MUSTER_MAX_FRAME: "65MiB" is out of range; at most 64MiB',
      'environment MUSTER_TLS: "perhaps" is not true or false',
      'flag --stale-threshold: "90" is not a duration; use a number with a unit, such as 500ms, 30s, 30m, 24h or 1h30m',
      'muster.yaml:1: log-level: "loud" is not one of debug, info, warn, error',
      'muster.yaml:2: there is no setting "stale-treshold"; did you mean stale-threshold?',
      'muster.yaml:3: store: [1] is not a path',
    ]);
  });

  test.each([
    ['a name like no other', 'zzzzzz: 1', ['f.yaml:1: there is no setting "zzzzzz"']],
    [
      'a key in both spellings',
      'max_frame: 1\nmax-frame: 2',
      ['f.yaml:2: max-frame was already given in line 1'],
    ],
    ['a list at the top', '- a', ['f.yaml:1: the file must be one mapping of settings to values']],
  ])('%s', (_, text, expected) => {
    expect(problemsOf({ file: { path: 'f.yaml', text } })).toEqual(expected);
  });

  test('a file that is no YAML, or no JSON, is refused with its line', () => {
    expect(problemsOf({ file: { path: 'f.yaml', text: 'tls: true\nseeds: [a\n' } })[0]).toMatch(
      /^f\.yaml:[23]: /,
    );
    expect(problemsOf({ file: { path: 'f.json', text: '{"tls": yes}' } })[0]).toMatch(
      /^f\.json:1: not valid JSON/,
    );
    expect(problemsOf({ file: { path: 'f.yaml', text: 'tls: true\ntls: false\n' } })[0]).toMatch(
      /^f\.yaml:2: /,
    );
  });
});

describe('secrets', () => {
  const readSecretFile = (path: string) => {
    if (path === 'missing') throw new Error('ENOENT: no such file');
    return { text: path === 'empty' ? '\n' : 's3cret\n', mode: path === 'open' ? 0o100640 : 0o100600 };
  };

  test('given directly or by file', () => {
    expect(load({ flags: { 'admin-token': 'abc' } }).values.adminToken?.reveal()).toBe('abc');
    const environment = { MUSTER_ADMIN_TOKEN_FILE: 'token' };
    expect(load({ environment, readSecretFile }).values.adminToken?.reveal()).toBe('s3cret');
    const file = { path: 'f.yaml', text: 'admin_token_file: token' };
    expect(load({ file, readSecretFile }).values.adminToken?.reveal()).toBe('s3cret');
  });

  test('a flag with a file wins over a value in the environment', () => {
    const config = load({
      flags: { adminTokenFile: 'token' },
      environment: { MUSTER_ADMIN_TOKEN: 'other' },
      readSecretFile,
    });
    expect(config.values.adminToken?.reveal()).toBe('s3cret');
  });

  test.each([
    ['open', 'others may read open (mode 0640), and it holds a secret; run: chmod 600 open'],
    ['missing', 'missing cannot be read: ENOENT: no such file'],
    ['empty', 'empty is empty'],
  ])('a file that is %s is refused', (path, problem) => {
    expect(problemsOf({ flags: { 'admin-token-file': path }, readSecretFile })).toEqual([
      `flag --admin-token-file: ${problem}`,
    ]);
  });

  test('value and file together are refused without showing the value', () => {
    const flags = { 'admin-token': 'hidden', 'admin-token-file': 'token' };
    expect(problemsOf({ flags, readSecretFile })).toEqual([
      'flag --admin-token: given together with flag --admin-token-file; give only one of them',
    ]);
  });

  test('never printed', () => {
    const config = load({ flags: { 'admin-token': 'hidden' } });
    const rows = describeConfig(config);
    expect(rows.find(({ key }) => key === 'admin-token')).toMatchObject({
      value: '<redacted>',
      source: 'flag --admin-token',
    });
    const shown =
      inspect(config, { depth: 5 }) + JSON.stringify(config) + `${String(config.values.adminToken)}`;
    expect(shown).not.toContain('hidden');
  });
});

test('describeConfig shows every setting in the form in which it is written', () => {
  const rows = describeConfig(load({ flags: { seeds: 'a,b' } }));
  expect(rows.map(({ key, value }) => [key, value])).toEqual([
    ['registry-addr', ':9000'],
    ['log-level', 'info'],
    ['stale-threshold', '30m'],
    ['max-frame', '64KiB'],
    ['max-connections', '100'],
    ['tls', 'false'],
    ['seeds', 'a,b'],
    ['store', '<not set>'],
    ['admin-token', '<not set>'],
  ]);
});

describe('several files', () => {
  const file = (path: string, value: object): ConfigFile => ({ path, text: JSON.stringify(value) });

  test('later ones win, the named one over all of them, the environment over the named one', () => {
    const sources = {
      standardFiles: [
        file('a.json', { LOG_LEVEL: 'warn', STORE: '/a', TLS: true, MAX_CONNECTIONS: 1 }),
        file('b.json', { LOG_LEVEL: 'error', STORE: '/b', MAX_CONNECTIONS: 2 }),
      ],
      file: file('c.json', { 'log-level': 'debug', max_connections: 3 }),
      environment: { MUSTER_MAX_CONNECTIONS: '4' },
    };
    const config = load(sources);
    expect(config.values).toMatchObject({
      tls: true,
      store: '/b',
      logLevel: 'debug',
      maxConnections: 4,
    });
    expect(config.sources.get('store')).toBe('b.json:1: store');
  });

  test('unknown names are refused, or left out with a warning', () => {
    const sources = {
      standardFiles: [file('a.json', { LOG_LEVLE: 'warn', STORE: '/a' })],
      environment: { MUSTER_TSL: '1', MUSTER_STORE: '', OTHER: '1' },
      environmentPrefix: 'MUSTER_',
    };
    const lines = [
      'a.json:1: there is no setting "log-levle"; did you mean log-level?',
      'environment MUSTER_TSL: there is no such setting; did you mean MUSTER_TLS?',
    ];
    expect(problemsOf(sources)).toEqual(lines);
    const config = load({ ...sources, unknownNames: 'warn' });
    expect(config.warnings).toEqual(lines);
    expect(config.values.store).toBe('/a');
    expect(load({}).warnings).toEqual([]);
  });
});

describe('a number', () => {
  const scale = defineSettings({
    scale: {
      type: 'number',
      environment: 'SCALE',
      default: 1,
      min: 0.001,
      max: 10,
      description: 'd',
      group: 'g',
    },
  });

  test.each([
    ['0.25', 0.25],
    ['2', 2],
    ['10', 10],
  ])('%s', (text, value) => {
    expect(loadConfig(scale, { environment: { SCALE: text } }).values.scale).toBe(value);
  });

  test.each(['0', '11', '1e3', 'NaN', 'Infinity', '1.', ''.padEnd(3)])('%j is refused', (text) => {
    expect(() => loadConfig(scale, { environment: { SCALE: text } })).toThrow(/environment SCALE: /);
  });
});

describe('records', () => {
  const settings = defineSettings({
    origins: {
      type: 'records',
      environment: 'ORIGINS',
      fields: {
        name: { isRequired: true },
        endpoint: { isRequired: true, check: (url) => (url.startsWith('http') ? undefined : 'no URL') },
        alias: {},
      },
      default: [],
      description: 'Origins.',
      group: 'Origins',
    },
  });
  const load = (sources: ConfigSources) => loadConfig(settings, sources).values.origins;

  test('come from a list of mappings, from flags, and from the environment', () => {
    const file = {
      path: 'a.yaml',
      text: 'origins:\n  - name: a\n    endpoint: http://a\n    alias: b\n  - { name: c, endpoint: http://c, alias: }\n',
    };
    expect(load({ file })).toEqual([
      { name: 'a', endpoint: 'http://a', alias: 'b' },
      { name: 'c', endpoint: 'http://c' },
    ]);
    expect(load({ flags: { origins: ['a=http://a?b=c', 'd=http://d'] } })).toEqual([
      { name: 'a', endpoint: 'http://a?b=c' },
      { name: 'd', endpoint: 'http://d' },
    ]);
    expect(load({ environment: { ORIGINS: 'a=http://a,d=http://d' } })).toHaveLength(2);
    expect(load({})).toEqual([]);
  });

  test.each([
    ['origins: [1]', 'a mapping with name, endpoint, alias'],
    ['origins: [{ name: a }]', 'endpoint is missing'],
    ['origins: [{ name: a, endpoint: ftp }]', 'no URL'],
    ['origins: [{ name: a, endpoint: http://a, nam: b }]', 'there is no "nam" here'],
    ['origins: [{ name: [], endpoint: http://a }]', 'is not text'],
    ['origins: x', 'is not of the form name=endpoint'],
  ])('%s is refused', (text, problem) => {
    expect(() => load({ file: { path: 'a.yaml', text } })).toThrow(problem);
  });

  test('are described as flags give them', () => {
    const config = loadConfig(settings, { flags: { origins: ['a=http://a'] } });
    expect(describeConfig(config)[0]?.value).toBe('a=http://a');
  });
});

test('what is wrong with several values together is told with what is wrong with single ones', () => {
  const settings = defineSettings({
    low: { type: 'integer', environment: 'LOW', default: 1, min: 0, description: 'Low.', group: 'A' },
    high: { type: 'integer', environment: 'HIGH', default: 2, min: 0, description: 'High.', group: 'A' },
    name: { type: 'integer', environment: 'NAME', default: 0, description: 'Name.', group: 'A' },
  });
  const check: NonNullable<ConfigSources['check']> = ({ values, sources }) =>
    Number(values['low']) > Number(values['high']) ? [`${sources.get('low')}: more than high`] : [];
  const load = () => loadConfig(settings, { flags: { low: '3', name: 'x' }, check });
  expect(load).toThrow(/flag --name: .*\n.*flag --low: more than high/);
  expect(loadConfig(settings, { flags: { low: '2' }, check }).values.low).toBe(2);
});
