import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../packages.ts';

const folder = join(root, 'deploy');
const units = readdirSync(folder).filter((name) => name.endsWith('.service'));
const PROGRAM = '/usr/local/bin/muster';

function execOf(unit: string): string {
  return /^ExecStart=(.*)$/m.exec(readFileSync(join(folder, unit), 'utf8'))?.[1] ?? '';
}

test.each(units)('%s starts a command that exists', (unit) => {
  const [program, noun, verb] = execOf(unit).split(' ');
  expect(program).toBe(PROGRAM);
  const declared = readFileSync(join(root, 'packages/muster/README.md'), 'utf8');
  expect(declared).toContain(`| \`muster ${noun} ${verb}\` |`);
});

test('systemd takes the units as they are, where it is installed', () => {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) return;
  const place = mkdtempSync(join(tmpdir(), 'muster-units-'));
  try {
    // The program is not installed here; everything else is as it is written.
    for (const unit of units)
      writeFileSync(
        join(place, unit),
        readFileSync(join(folder, unit), 'utf8').replace(PROGRAM, process.execPath),
      );
    const paths = units.map((unit) => join(place, unit));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...paths], { encoding: 'utf8' });
    expect(stderr).not.toContain(place);
    expect(status).toBe(0);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});
