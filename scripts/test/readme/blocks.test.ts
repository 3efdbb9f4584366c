import { expect, test } from 'vitest';
import { shellBlocks } from '../../readme/blocks.ts';

test('shell blocks with how they are executed; others are left alone', () => {
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
    '```sh shown needs a second machine',
    'ssh other',
    '```',
  ].join('\n');
  expect(shellBlocks(markdown)).toEqual([
    { mode: 'run', argument: '', script: 'npm ci\nnpm test', line: 2 },
    { mode: 'start', argument: 'ready to serve', script: 'npm start', line: 9 },
    { mode: 'shown', argument: 'needs a second machine', script: 'ssh other', line: 17 },
  ]);
});

test.each(['sh', 'bash', 'sh start', 'sh shown', 'sh later'])('```%s is refused', (info) => {
  expect(() => shellBlocks(`\n\`\`\`${info}\nx\n\`\`\``)).toThrow('line 2: say');
});
