import { describe, expect, test } from 'vitest';
import { checkAmbient } from '../../architecture/ambient.ts';
import { checkDependencies, checkLockfile } from '../../architecture/dependencies.ts';
import { checkImports } from '../../architecture/imports.ts';
import { checkSize, MAX_FILE_LINES, MAX_FUNCTION_LINES } from '../../architecture/size.ts';
import { type Finding, parseSources } from '../../architecture/source.ts';
import { checkTests } from '../../architecture/tests.ts';
import { checkTrackedText } from '../../architecture/tracked-text.ts';

const parse = (files: Record<string, string>) => parseSources(new Map(Object.entries(files)));
const brief = (findings: readonly Finding[]) =>
  findings.map(({ file, line, message }) => `${file}:${line}: ${message}`);
const none = new Map<string, string>();

describe('imports', () => {
  const packages = new Map([
    ['registry', { dependencies: { fastify: '1.0.0', '@muster/core': '1.0.0' } }],
    ['muster', { dependencies: { '@muster/registry': '1.0.0', '@muster/client': '1.0.0' } }],
    ['client', { dependencies: { '@muster/core': '1.0.0' } }],
  ]);
  const check = (file: string, text: string) => brief(checkImports(parse({ [file]: text }), packages));

  test.each([
    ['packages/core/src/a.ts', `import '@muster/registry';`, 'core may not import @muster/registry'],
    [
      'packages/registry/src/a.ts',
      `export * from '@muster/discovery';`,
      'registry may not import @muster/discovery',
    ],
    [
      'packages/registry/src/a.ts',
      `import type { X } from '@muster/client';`,
      'registry may not import @muster/client',
    ],
    [
      'packages/registry/src/a.ts',
      `const x = await import('@muster/coordination');`,
      'registry may not import',
    ],
    [
      'packages/registry/src/a.ts',
      `import '@muster/core/testing';`,
      'source may not import what is made for tests',
    ],
    ['packages/client/src/a.ts', `import '@muster/core';`, 'client may not import @muster/core'],
    ['packages/client/src/a.ts', `import 'yaml';`, 'client imports nothing but'],
    ['packages/dashboard/src/a.ts', `import '@muster/core';`, 'dashboard may not import @muster/core'],
    ['packages/registry/src/a.ts', `import 'left-pad/x';`, 'left-pad is not in the dependencies'],
    ['packages/registry/src/a.ts', `import '../../core/src/index.ts';`, 'reaches into the files of core'],
    [
      'packages/registry/test/a.test.ts',
      `import '../../core/src/index.ts';`,
      'reaches into the files of core',
    ],
    [
      'packages/registry/src/a.ts',
      `import '../test/b.ts';`,
      'source may not import packages/registry/test/b.ts',
    ],
    ['packages/registry/src/a.ts', `import './b.js';`, 'relative imports end in .ts'],
  ])('%s with %s', (file, text, message) => {
    const found = check(file, `\n${text}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${file}:2: ${message}`);
  });

  test.each([
    [
      'packages/registry/src/a.ts',
      `import fastify from 'fastify'; import '@muster/core'; import 'node:fs'; import './b.ts';`,
    ],
    ['packages/registry/src/a.ts', `import type { X } from 'only-types';`],
    ['packages/registry/test/a.test.ts', `import '../src/a.ts'; import '@muster/client'; import 'vitest';`],
    ['packages/muster/src/a.ts', `import '@muster/registry'; import '@muster/client';`],
    ['packages/client/src/a.ts', `import '@muster/core/identity'; import 'node:crypto';`],
    ['packages/core/src/a.ts', `const text = "import '@muster/registry'"; // import '@muster/registry'`],
  ])('%s may: %s', (file, text) => {
    expect(check(file, text)).toEqual([]);
  });
});

describe('ambient sources', () => {
  const model = 'packages/registry/src/model/a.ts';
  const check = (text: string, file = model) => brief(checkAmbient(parse({ [file]: text }), none));

  test.each([
    'Date.now()',
    'new Date()',
    'Date()',
    'Math.random()',
    'performance.now()',
    'process.hrtime.bigint()',
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'setImmediate(f)',
    'const now = Date.now;',
    'crypto.randomUUID()',
    `import { readFile } from 'node:fs/promises';`,
    `import net from 'net';`,
    `import { isIP, connect } from 'node:net';`,
    `import { randomBytes as b } from 'node:crypto';`,
    `const dns = await import('node:dns');`,
  ])('%s', (text) => {
    expect(check(text)).toHaveLength(1);
    expect(check(text)[0]).toMatch(/^packages\/registry\/src\/model\/a\.ts:1: .* belongs in an adapter/);
    expect(check(text, 'packages/registry/src/adapters/a.ts')).toEqual([]);
    expect(check(text, 'packages/registry/src/log/adapters/a.ts')).toEqual([]);
    expect(check(text, 'packages/muster/src/a.ts')).toEqual([]);
    expect(check(text, 'packages/registry/test/a.test.ts')).toEqual([]);
    expect(check(text, 'simulation/a.ts')).toHaveLength(1);
    expect(check(text, 'packages/dashboard/page/model/a.ts')).toHaveLength(1);
    expect(check(text, 'packages/dashboard/page/views/a.tsx')).toHaveLength(0);
  });

  test.each([
    'new Date(0)',
    'clock.now()',
    'timers.setTimeout(f)',
    'this.performance.later()',
    '// Date.now()',
    '"Date.now()"',
    `import type { Socket } from 'node:net';`,
    `import { isIP, BlockList } from 'node:net';`,
    `import { createHash } from 'node:crypto';`,
    'interface X { setTimeout: number }',
  ])('%s is fine', (text) => {
    expect(check(text)).toEqual([]);
  });

  test('a file named like a folder of the rim is not at the rim', () => {
    expect(check('Date.now()', 'packages/registry/src/http.ts')).toHaveLength(1);
  });

  test('exceptions hold, and are reported when they are no longer needed', () => {
    const sources = parse({ [model]: 'Date.now()' });
    expect(checkAmbient(sources, new Map([[model, 'reason']]))).toEqual([]);
    expect(
      brief(
        checkAmbient(
          sources,
          new Map([
            [model, 'x'],
            ['packages/core/src/gone.ts', 'x'],
          ]),
        ),
      ),
    ).toEqual(['packages/core/src/gone.ts:1: is an exception that is no longer needed']);
  });
});

describe('size', () => {
  const file = 'packages/core/src/a.ts';
  const exceptions = { files: none, functions: none };
  const statements = (lines: number) => 'x;\n'.repeat(lines);

  test('files', () => {
    expect(checkSize(parse({ [file]: statements(MAX_FILE_LINES) }), exceptions)).toEqual([]);
    const long = parse({ [file]: statements(MAX_FILE_LINES + 1) });
    expect(brief(checkSize(long, exceptions))).toEqual([`${file}:1: 421 lines; at most 420`]);
    expect(checkSize(long, { files: new Map([[file, 'reason']]), functions: none })).toEqual([]);
    expect(checkSize(parse({ 'packages/core/test/a.test.ts': statements(1000) }), exceptions)).toEqual([]);
  });

  test('functions, without their comments', () => {
    const text = (lines: number) => `/** A.\n * B. */\nfunction f() {\n${statements(lines - 2)}}\n`;
    expect(checkSize(parse({ [file]: text(MAX_FUNCTION_LINES) }), exceptions)).toEqual([]);
    const long = parse({ [file]: text(MAX_FUNCTION_LINES + 1) });
    expect(brief(checkSize(long, exceptions))).toEqual([
      `${file}:3: the function f has 76 lines; at most 75`,
    ]);
    expect(checkSize(long, { files: none, functions: new Map([[`${file}:f`, 'reason']]) })).toEqual([]);
    const method = parse({
      [file]: `const f = () => {\n${statements(80)}};\nclass C {\nm() {\n${statements(80)}}\n}`,
    });
    expect(checkSize(method, exceptions).map(({ message }) => message.split(' ')[2])).toEqual(['f', 'm']);
  });

  test('exceptions that are no longer needed', () => {
    expect(brief(checkSize(parse({}), { files: new Map([[file, 'x']]), functions: none }))).toEqual([
      `${file}:1: is an exception that is no longer needed`,
    ]);
  });
});

describe('tests', () => {
  const check = (text: string, file = 'packages/core/test/a.test.ts') =>
    brief(checkTests(parse({ [file]: text })));

  test('focused, skipped and missing ones', () => {
    const text = `test.only('a', f);\nit.skip('b', f);\ntest.todo('c');\ndescribe.only.each([])('d', f);\ntest.skipIf(x)('e', f);`;
    expect(check(text).map((finding) => finding.split(' ')[1])).toEqual([
      '.only',
      '.skip',
      '.todo',
      '.only',
      '.skipIf',
    ]);
    expect(check(`test.skipIf(x)('e', f);`, 'packages/core/test/e2e/a.test.ts')).toEqual([]);
    expect(check(`test('a', f); reader.skip(3); // test.only(`)).toEqual([]);
  });
});

describe('dependencies', () => {
  test('one exact version each, explained on the page', () => {
    const manifest = JSON.stringify(
      {
        dependencies: { a: '1.2.3', b: '^1.2.3', '@muster/core': '0.1.0' },
        devDependencies: { c: '1.0.0-rc.1' },
      },
      undefined,
      2,
    );
    expect(brief(checkDependencies(new Map([['package.json', manifest]]), '| `a` | `b` |'))).toEqual([
      'package.json:4: b ^1.2.3 is not one exact version',
      'package.json:8: `c` is not explained in docs/DEPENDENCIES.md',
    ]);
  });

  test('the lockfile holds no addresses, and every optional package', () => {
    const packages = {
      'node_modules/a': { resolved: 'https://host/a.tgz', optionalDependencies: { 'a-linux-x64': '1.0.0' } },
      'node_modules/b': { resolved: 'packages/b' },
    };
    expect(brief(checkLockfile('l', JSON.stringify({ packages }, undefined, 1)))).toEqual([
      'l:4: the lockfile holds the address of a registry',
      'l:6: the lockfile lacks a-linux-x64; run: node scripts/complete-lockfile.ts',
    ]);
  });
});

test('paths and hosts of one machine', () => {
  const home = ['', 'home', 'someone', 'x'].join('/');
  const texts = new Map([
    [
      'a.md',
      `see ${home}\nor /srv/checkouts/muster\nor packages.example.org/x\nbut example.org/home/x is fine`,
    ],
  ]);
  const machine = { parentFolder: '/srv/checkouts/', registryHost: 'packages.example.org' };
  expect(checkTrackedText(texts, machine).map(({ line }) => line)).toEqual([1, 2, 3]);
  expect(checkTrackedText(texts, { parentFolder: undefined, registryHost: undefined })).toHaveLength(1);
});
