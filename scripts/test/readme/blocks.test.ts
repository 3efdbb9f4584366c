import { expect, test } from 'vitest';
import { blocksOf, missingLine } from '../../readme/blocks.ts';

test('blocks with how they are executed; others are left alone', () => {
  const markdown = [
    '# Title',
    '```sh run',
    'npm ci',
    'npm test',
    '```',
    '```ts',
    'const x = 1;',
    '```',
    '```sh start ready to serve',
    'npm start',
    '```',
    '````md',
    '```sh',
    'inner',
    '```',
    '````',
    '```sh stop ready to serve',
    '# Ctrl-C',
    '```',
    '```sh shown needs a second machine',
    'ssh other',
    '```',
    '   ```sh run exit 10',
    '   muster doctor',
    '   ```',
    '```text output',
    'ok  …',
    '```',
    '```yaml file registry.yaml',
    'data: x',
    '  deep: 1',
    '```',
  ].join('\n');
  expect(blocksOf(markdown)).toEqual([
    { mode: 'run', argument: '', exitCode: 0, text: 'npm ci\nnpm test', line: 2 },
    { mode: 'start', argument: 'ready to serve', exitCode: 0, text: 'npm start', line: 9 },
    { mode: 'stop', argument: 'ready to serve', exitCode: 0, text: '# Ctrl-C', line: 17 },
    { mode: 'shown', argument: 'needs a second machine', exitCode: 0, text: 'ssh other', line: 20 },
    { mode: 'run', argument: '', exitCode: 10, text: 'muster doctor', line: 23 },
    { mode: 'output', argument: '', exitCode: 0, text: 'ok  …', line: 26 },
    { mode: 'file', argument: 'registry.yaml', exitCode: 0, text: 'data: x\n  deep: 1', line: 29 },
  ]);
});

test.each(['sh', 'bash', 'sh start', 'sh shown', 'sh later', 'sh run exit', 'sh run 3'])(
  '```%s is refused',
  (info) => {
    expect(() => blocksOf(`\n\`\`\`${info}\nx\n\`\`\``)).toThrow('line 2: say');
  },
);

test.each(['yaml file', 'yaml file ../x', 'yaml file a/b'])('```%s is refused', (info) => {
  expect(() => blocksOf(`\`\`\`${info}\nx\n\`\`\``)).toThrow('name of a file');
});

test('output is there line by line, in its order, whatever the dots stand for', () => {
  const printed = 'first  line\n  id 17 (of 3)\nsomething\nlast\n';
  expect(missingLine('first line\nid … (of 3)\n…\nlast', printed)).toBeUndefined();
  expect(missingLine('last\nfirst line', printed)).toBe('first line');
  expect(missingLine('first', printed)).toBe('first');
  expect(missingLine('id 1. (of 3)', printed)).toBe('id 1. (of 3)');
});
