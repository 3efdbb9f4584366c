/** The environment of members: settings that a person's shell has for other programs are not theirs. */

/** Prefixes of variables that settings are read from. */
const SETTING_PREFIXES = ['MUSTER_', 'OCDISCOVERY_', 'GANTRY_'];
/** Variables with such a prefix that are no settings, or are for all. */
const KEPT = new Set(['MUSTER_DEBUG']);

export function memberEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => KEPT.has(name) || !SETTING_PREFIXES.some((prefix) => name.startsWith(prefix)),
    ),
  );
}
