import { EXIT_CODES } from '@muster/core';
import { describe, expect, it } from 'vitest';
import { groups } from '../../src/commands/index.ts';
import { errorOf, run } from '../support/test-io.ts';

const everyCommand = groups.flatMap(({ name, commands }) => commands.map((command) => [name, command.name]));

describe('the command line', () => {
  it('explains itself when it is called without anything', async () => {
    const { exitCode, stdout, stderr } = await run([]);
    expect(exitCode).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain('Usage: muster');
    for (const { name } of groups) expect(stdout).toContain(`  ${name} `);
    for (const { code, meaning } of Object.values(EXIT_CODES)) {
      expect(stdout).toContain(`${String(code).padEnd(9)}  ${meaning}`);
    }
  });

  it('prints help and version', async () => {
    expect((await run(['--help'])).stdout).toBe((await run([])).stdout);
    expect((await run(['help'])).stdout).toBe((await run([])).stdout);
    expect(await run(['help', 'nodes', 'list'])).toEqual(await run(['nodes', 'list', '--help']));
    expect((await run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const { stdout } = await run(['help', 'exit-codes']);
    expect(stdout.trim().split('\n')).toHaveLength(1 + Object.keys(EXIT_CODES).length);
    expect(await run(['help', 'nods'])).toMatchObject({ exitCode: EXIT_CODES.usage.code });
  });

  it.each([...everyCommand, ['dev']])('%s %s has help with an example', async (...words) => {
    const { exitCode, stdout } = await run([...words.filter((word) => word !== undefined), '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: muster ${words.join(' ').trim()}`);
    expect(stdout).toContain('--json');
    expect(stdout).toContain('Examples:\n  muster ');
  });

  it.each([
    [['regstry'], "unknown command 'regstry'", 'Did you mean registry?'],
    [['registry', 'srve'], "unknown command 'srve'", 'Did you mean serve?'],
    [
      ['registry', 'serve', '--registri-addr', 'x'],
      "unknown option '--registri-addr'",
      'Did you mean --registry-addr?',
    ],
    [['nodes', 'get'], "missing required argument 'node'", '`muster help nodes get` tells'],
    [['nodes', 'list', 'x'], 'too many arguments', '`muster help nodes list` tells'],
    [['pull', '--quick', 'x'], "unknown option '--quick'", '`muster help pull` tells'],
    [['--flat'], "unknown option '--flat'", '`muster help` lists'],
    [
      ['registry', 'backup'],
      "required option '--to <folder>' not specified",
      '`muster help registry backup`',
    ],
    [
      ['nodes', 'list', '--network', '70000'],
      '--network "70000": not a network id, 0 to 65535',
      '`muster help`',
    ],
    [['nodes', 'watch', '--interval', 'often'], '--interval "often": not a duration', '`muster help`'],
    [['nodes', 'get', '1', '--registry', 'nowhere'], 'flag --registry: "nowhere": not an address', ''],
  ])('%j: says what is wrong', async (args, message, hint) => {
    const forPerson = await run(args);
    expect(forPerson.exitCode).toBe(EXIT_CODES.usage.code);
    expect(forPerson.stdout).toBe('');
    expect(forPerson.stderr).toContain(message);
    expect(forPerson.stderr).toContain(hint);
    const forScript = await run([...args, '--json']);
    expect(forScript.exitCode).toBe(EXIT_CODES.usage.code);
    expect(errorOf(forScript).message).toContain(message);
    expect(errorOf(forScript).hint).toContain(hint);
  });

  it('lists the verbs when only the noun is given', async () => {
    const { exitCode, stdout, stderr } = await run(['nodes']);
    expect(exitCode).toBe(EXIT_CODES.usage.code);
    expect(stdout).toBe('');
    expect(stderr).toContain('deregister');
  });
});
