import type { Setting } from '@muster/core';

/** Beginning of the environment names. */
export const COORDINATION_ENVIRONMENT_PREFIX = 'GANTRY_';
/** A bound for numbers that have no other. */
export const MANY = 1_000_000;

interface Common {
  readonly key: string;
  readonly group: string;
  readonly description: string;
}

/** What all settings have. */
export function base({ key, group, description }: Common) {
  const environment = `${COORDINATION_ENVIRONMENT_PREFIX}${key.replaceAll('-', '_').toUpperCase()}`;
  return { environment, group, description };
}

/** Each of these makes one entry: key, default, description, limits. */
export function groupOf(group: string) {
  const common = (key: string, description: string): Common => ({ key, group, description });
  return {
    text: (key: string, value: string, description: string, check?: (text: string) => string | undefined) =>
      ({
        ...base(common(key, description)),
        type: 'text',
        default: value,
        ...(check === undefined ? {} : { check }),
      }) as const satisfies Setting,
    choice: <const C extends string>(key: string, value: C, choices: readonly C[], description: string) =>
      ({
        ...base(common(key, description)),
        type: 'text',
        default: value,
        choices,
      }) as const satisfies Setting,
    list: (key: string, description: string, check?: (text: string) => string | undefined) =>
      ({
        ...base(common(key, description)),
        type: 'list',
        default: [] as readonly string[],
        ...(check === undefined ? {} : { check }),
      }) as const satisfies Setting,
    integer: (key: string, value: number, min: number, max: number, description: string) =>
      ({
        ...base(common(key, description)),
        type: 'integer',
        default: value,
        min,
        max,
      }) as const satisfies Setting,
    number: (key: string, value: number, min: number, description: string) =>
      ({ ...base(common(key, description)), type: 'number', default: value, min }) as const satisfies Setting,
    duration: (key: string, value: string, description: string, min = '1ms') =>
      ({
        ...base(common(key, description)),
        type: 'duration',
        default: value,
        min,
      }) as const satisfies Setting,
    size: (key: string, value: string, description: string, min = '0') =>
      ({ ...base(common(key, description)), type: 'size', default: value, min }) as const satisfies Setting,
    flag: (key: string, value: boolean, description: string) =>
      ({ ...base(common(key, description)), type: 'boolean', default: value }) as const satisfies Setting,
  };
}
