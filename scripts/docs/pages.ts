import { describeFlags, EXIT_CODES, type ErrorFamily, type Settings } from '@muster/core';
import { type Operation, refusalCodes } from '@muster/registry';

const HEADER = '<!-- Written by `npm run docs` from the declarations in the source. -->';

/** A Markdown table; cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
}

const code = (text: string): string => `\`${text}\``;

/** The reference of the registry's messages. */
export function protocolPage(operations: readonly Operation[], legacy: readonly Operation[]): string {
  const overview = table(
    ['Message', 'What it does', 'Proof', 'Standby answers'],
    operations.map((row) => [
      `[${row.type}](#${row.type})`,
      row.summary,
      row.auth,
      row.standby ? 'yes' : 'no',
    ]),
  );
  return [
    HEADER,
    '# Messages of the registry',
    'Fields that are missing or of another type read as empty. Every message may carry what its proof needs.',
    overview,
    ...operations.map(operationSection),
    '## Messages of older servers',
    'Understood for old clients.',
    ...legacy.map(operationSection),
    '## Refusals',
    'Machine-readable codes that go with the error texts.',
    table(
      ['Code', 'Meaning'],
      Object.entries(refusalCodes).map(([name, meaning]) => [code(name), meaning]),
    ),
    '',
  ].join('\n\n');
}

function operationSection(row: Operation): string {
  const fields = Object.entries(row.fields).map(([name, { kind, description }]) => [
    code(name),
    kind,
    description,
  ]);
  const replies = Object.entries(row.replies).map(([name, meaning]) => [code(name), meaning]);
  const facts = [
    `Proof: ${row.auth}${row.challenge === undefined ? '' : `, over ${code(row.challenge)}`}.`,
    row.standby ? 'A standby answers it.' : 'A standby does not answer it.',
    ...(row.breaker === undefined ? [] : [`Breaker: ${code(row.breaker)}.`]),
    ...(row.emits.length === 0 ? [] : [`Emits ${row.emits.map(code).join(', ')}.`]),
  ];
  return [
    `### ${row.type}`,
    row.summary,
    facts.join(' '),
    ...(fields.length === 0 ? [] : [table(['Field', 'Kind', 'Meaning'], fields)]),
    ...(replies.length === 0 ? [] : [table(['Reply', 'Meaning'], replies)]),
    ...(row.errors.length === 0 ? [] : [`Errors: ${row.errors.map(code).join(', ')}.`]),
  ].join('\n\n');
}

/** The reference of error codes and exit codes. */
export function errorsPage(families: ReadonlyMap<string, ErrorFamily<string>>): string {
  const sections = [...families].map(([name, { definitions }]) => {
    const rows = Object.entries(definitions).map(([key, { summary, hint }]) => [
      code(key),
      summary,
      hint ?? '',
    ]);
    return `## ${name}\n\n${table(['Code', 'Meaning', 'What to do'], rows)}`;
  });
  const exits = Object.values(EXIT_CODES).map((exit) => [String(exit.code), exit.meaning]);
  return [HEADER, '# Errors', ...sections, '## Exit codes', table(['Code', 'Meaning'], exits), ''].join(
    '\n\n',
  );
}

/** The reference of settings: flags, environment, defaults. */
export function settingsPage(groups: ReadonlyMap<string, Settings>): string {
  const sections = [...groups].map(([name, settings]) => {
    const rows = describeFlags(settings).map((flag) => {
      const setting = settings[flag.name] ?? settings[flag.name.replace(/-file$/, '')];
      const suffix = flag.name in settings ? '' : '_FILE';
      const variables = setting === undefined ? [] : [setting.environment].flat();
      return [
        code(`--${flag.name}${flag.valueName === undefined ? '' : ` <${flag.valueName}>`}`),
        variables.map((variable) => code(variable + suffix)).join(', '),
        flag.defaultText === undefined ? '' : code(flag.defaultText),
        flag.description,
      ];
    });
    return `## ${name}\n\n${table(['Flag', 'Environment', 'Default', 'Meaning'], rows)}`;
  });
  return [
    HEADER,
    '# Settings',
    'Keys of a configuration file are the names of the flags.',
    ...sections,
    '',
  ].join('\n\n');
}
