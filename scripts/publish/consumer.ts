/** Empty projects, far from the workspace, that install tarballs and use them as others would. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, type WorkspacePackage } from '../packages.ts';

/** Runs a program; returns what it printed. Throws with that when it fails. */
export function run(command: string, args: readonly string[], folder: string): string {
  const { status, stdout } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} failed\n${stdout}`);
}

/** Makes a project and installs tarballs and packages into it. */
export function install(project: string, what: readonly string[]): void {
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, 'package.json'), '{"name":"consumer","private":true,"type":"module"}\n');
  run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...what], project);
}

/** The names under which the entries of packages are imported. */
export function specifiersOf(packages: readonly WorkspacePackage[]): readonly string[] {
  return packages.flatMap(({ manifest }) =>
    Object.keys(manifest.exports ?? {}).map((entry) => manifest.name + entry.slice(1)),
  );
}

function importsOf(specifiers: readonly string[]): { readonly names: string; readonly text: string } {
  const lines = specifiers.map((specifier, index) => `import * as entry${index} from '${specifier}';`);
  return { names: specifiers.map((_, index) => `entry${index}`).join(', '), text: `${lines.join('\n')}\n` };
}

/** Every entry can be imported and required, exports something, prints nothing, and keeps no process alive. */
export function useFromJavaScript(project: string, packages: readonly WorkspacePackage[]): void {
  const specifiers = specifiersOf(packages);
  const { names, text } = importsOf(specifiers);
  const check =
    'for (const entry of entries) if (Object.keys(entry).length === 0) throw new Error("an entry is empty");';
  writeFileSync(join(project, 'use.mjs'), `${text}const entries = [${names}];\n${check}\n`);
  const required = specifiers.map((specifier) => `require('${specifier}')`).join(', ');
  writeFileSync(join(project, 'use.cjs'), `const entries = [${required}];\n${check}\n`);
  for (const program of ['use.mjs', 'use.cjs']) {
    const printed = run(process.execPath, [program], project);
    if (printed !== '') throw new Error(`loading ${specifiers.join(', ')} prints ${printed}`);
  }
}

const COMPILER_OPTIONS = {
  strict: true,
  exactOptionalPropertyTypes: true,
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable'],
  types: ['node'],
  outDir: 'out',
  rootDir: '.',
  // The types that come along are checked, too.
  skipLibCheck: false,
};

/** What a user of two packages writes; it prints one line. */
const PROGRAM = `import { RegistryClient, type LookedUp } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { Registry } from '@muster/registry';

const registry: Registry = await Registry.start({ listen: { host: '127.0.0.1', port: 0 } });
const client = new RegistryClient({ address: \`127.0.0.1:\${registry.port}\`, identity: Identity.generate() });
const { nodeId } = await client.register({ hostname: 'alpha' });
const found: LookedUp = await client.lookup(nodeId);
console.log(found.nodeId);
await client.close();
await registry.stop();
`;

/** Every entry has types, as Node and as bundlers look for them; and a program that uses them compiles and runs. */
export function useFromTypeScript(project: string, packages: readonly WorkspacePackage[]): void {
  const { names, text } = importsOf(specifiersOf(packages));
  writeFileSync(join(project, 'use.ts'), `${text}export const entries: readonly object[] = [${names}];\n`);
  writeFileSync(join(project, 'program.ts'), PROGRAM);
  const tsc = join(root, 'node_modules/.bin/tsc');
  for (const [module, moduleResolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
  ]) {
    const compilerOptions = { ...COMPILER_OPTIONS, module, moduleResolution };
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['use.ts', 'program.ts'] }),
    );
    run(tsc, ['-p', 'tsconfig.json'], project);
  }
  const printed = run(process.execPath, ['out/program.js'], project);
  if (printed !== '1\n') throw new Error(`the program prints ${printed}`);
}
