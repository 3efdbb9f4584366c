import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLogger, errorCode, type LogFormat, type LogLevel, MusterError } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/index.ts';

function collect(format: LogFormat, level: LogLevel = 'debug') {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level, format, destination, clock: new ManualClock(0) });
  return { logger, lines };
}

describe('text', () => {
  test('one readable line with time, level, message and fields', () => {
    const { logger, lines } = collect('text');
    logger
      .child({ peer: { address: '::1', port: 9000 } })
      .warn({ name: 'a b', tags: ['x'], n: 1, none: null }, 'hello');
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z WARN  hello peer.address=::1 peer.port=9000 name="a b" tags=["x"] n=1 none=null\n',
    ]);
  });

  test('no value, key or message can forge a line or hide its end', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (key, value) => {
        const { logger, lines } = collect('text');
        logger.info({ [key]: value, nested: { [key]: [value] } }, value);
        expect(lines).toHaveLength(1);
        expect(lines[0]?.endsWith('\n')).toBe(true);
        expect(lines[0]?.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
      }),
    );
  });
});

describe('json', () => {
  test('one object per line; own names cannot be overwritten', () => {
    const { logger, lines } = collect('json');
    logger.child({ level: 'fake' }).info({ message: 'fake', time: 1, nodeId: 7 }, 'real');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        time: '1970-01-01T00:00:00.000Z',
        level: 'info',
        message: 'real',
        _level: 'fake',
        _message: 'fake',
        _time: 1,
        nodeId: 7,
      },
    ]);
  });

  test('errors: coded ones with details and cause, others with their stack', () => {
    const { logger, lines } = collect('json');
    const cause = new Error('inner');
    const error = new MusterError('STORE_LOCKED', 'locked', {
      details: { adminToken: 'hidden', path: '/x' },
      cause,
    });
    logger.error({ error }, 'failed');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      error: {
        code: 'STORE_LOCKED',
        message: 'locked',
        details: { adminToken: '<redacted>', path: '/x' },
        cause: { message: 'inner', stack: expect.stringContaining('Error: inner') as string },
      },
    });
    expect(errorCode(error)).toBe('STORE_LOCKED');
  });
});

test('levels, also when they change later', () => {
  const { logger, lines } = collect('text', 'warn');
  const child = logger.child({ part: 'x' });
  child.info({}, 'unseen');
  child.warn({}, 'seen');
  logger.level = 'debug';
  expect(logger.level).toBe('debug');
  child.debug({}, 'seen too');
  expect(lines.map((line) => line.slice(25, 42).trim())).toEqual(['WARN  seen part=x', 'DEBUG seen too pa']);
});

test('nothing that is logged and no destination makes it throw', () => {
  const destination = {
    write() {
      throw new Error('closed');
    },
  };
  const logger = createLogger({ level: 'debug', format: 'json', destination, clock: new ManualClock(0) });
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const hostile = {
    get broken(): never {
      throw new Error('getter');
    },
  };
  logger.info({ cyclic, hostile, big: 1n, map: new Map([['token', 'x']]) }, 'x');
  logger.child(hostile).info({}, 'x');
  const { logger: second, lines } = collect('json');
  second.info({ cyclic, big: 1n, bytes: new Uint8Array(3), map: new Map([['token', 'x']]) }, 'x');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    big: '1',
    bytes: '<3 bytes>',
    map: { token: '<redacted>' },
  });
});

test('a closed standard output silences the log and nothing else', async () => {
  const program = `
    import { createLogger, processLogDestination, systemClock } from '@muster/core';
    const destination = processLogDestination('stdout');
    const logger = createLogger({ level: 'info', format: 'text', clock: systemClock, destination });
    process.stdin.on('data', () => {
      for (let i = 0; i < 1000; i++) logger.info({ i }, 'x'.repeat(100));
      destination.flush();
      logger.info({}, 'again');
      destination.flush();
      setImmediate(() => {
        process.stderr.write('alive');
        process.exit(0);
      });
    });
  `;
  const child = spawn(
    process.execPath,
    ['--conditions=muster-source', '--input-type=module', '--eval', program],
    { cwd: import.meta.dirname, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  child.stdout.destroy();
  let errors = '';
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  child.stdin.on('error', () => {});
  child.stdin.write('go');
  const [code] = (await once(child, 'close')) as [number | null];
  expect(errors).toBe('alive');
  expect(code).toBe(0);
});

test('what was logged just before the exit is written', async () => {
  const program = `
    import { createLogger, processLogDestination, systemClock } from '@muster/core';
    const destination = processLogDestination('stderr');
    const logger = createLogger({ level: 'info', format: 'json', clock: systemClock, destination });
    for (let i = 0; i < 500; i++) logger.info({ i }, 'line');
    process.exit(3);
  `;
  const child = spawn(
    process.execPath,
    ['--conditions=muster-source', '--input-type=module', '--eval', program],
    { cwd: import.meta.dirname, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let text = '';
  child.stderr.on('data', (data: Buffer) => (text += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(3);
  expect(
    text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { i: number }).i),
  ).toEqual(Array.from({ length: 500 }, (_, i) => i));
});
