/**
 * Command lines as the original takes them: its flags begin with one dash, and a switch may carry its value. The names
 * have at least two letters, so that they can't be mistaken for flags of one letter.
 */
const SINGLE_DASH = /^-([a-z][a-z0-9]*(?:[-_][a-z0-9]+)*)(=.*)?$/s;
const SWITCH_WITH_VALUE = /^--([a-z][a-z0-9-]*)=(true|false|1|0|yes|no|on|off)$/;
const ON = new Set(['true', '1', 'yes', 'on']);

/** Puts the arguments into the form that this program takes. `isSwitch` tells flags that take no value. */
export function normalizeArguments(
  args: readonly string[],
  isSwitch: (name: string) => boolean,
): readonly string[] {
  const end = args.indexOf('--');
  const limit = end === -1 ? args.length : end;
  return args.map((argument, index) => (index < limit ? normalize(argument, isSwitch) : argument));
}

function normalize(argument: string, isSwitch: (name: string) => boolean): string {
  const single = SINGLE_DASH.exec(argument);
  const name = single?.[1] ?? '';
  const long = name.length > 1 ? `--${name.replaceAll('_', '-')}${single?.[2] ?? ''}` : argument;
  const [, switched = '', value = ''] = SWITCH_WITH_VALUE.exec(long) ?? [];
  if (!isSwitch(switched)) return long;
  return ON.has(value) ? `--${switched}` : `--no-${switched}`;
}
