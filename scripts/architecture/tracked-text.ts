import type { Finding } from './source.ts';

/** Homes of users, and hosts of package registries. */
const ALWAYS_WRONG = [
  /(?<![\w.])\/(home|Users)\/\w+/,
  /(?<![\w.])\/root\//,
  /registry\.npmjs\.\w+/,
  /registry\.yarnpkg\.\w+/,
  /proxy\.golang\.\w+/,
  /sum\.golang\.\w+/,
];

/** What belongs to this machine only. */
export interface MachineNames {
  /** The folder that holds the checkout, or undefined when it says nothing (such as `/`). */
  readonly parentFolder: string | undefined;
  /** The host of the package registry that is in use here. */
  readonly registryHost: string | undefined;
}

/** Paths and hosts of one machine do not belong in the repository. */
export function checkTrackedText(
  texts: ReadonlyMap<string, string>,
  machine: MachineNames,
): readonly Finding[] {
  const findings: Finding[] = [];
  const names = [machine.parentFolder, machine.registryHost].filter((name) => name !== undefined);
  for (const [file, text] of texts) {
    text.split('\n').forEach((content, index) => {
      const pattern = ALWAYS_WRONG.find((candidate) => candidate.test(content));
      const found = pattern?.exec(content)?.[0] ?? names.find((name) => content.includes(name));
      if (found === undefined) return;
      findings.push({ file, line: index + 1, message: `${found} is of one machine or registry` });
    });
  }
  return findings;
}
