import { describeFlags, EXIT_CODES, type Settings } from '@muster/core';
import { coordinationSettings } from '@muster/coordination/config';
import { discoverySettings } from '@muster/discovery/config';
import { commands } from '../../src/cli/program.ts';
import { groups } from '../../src/commands/index.ts';
import { pullSettings } from '../../src/settings/pull-settings.ts';
import { doctorSettings } from '../../src/settings/doctor-settings.ts';
import { doctorMirrorSettings } from '../../src/settings/mirror-status-settings.ts';
import { demoSettings } from '../../src/settings/demo-settings.ts';
import { devSettings } from '../../src/settings/dev-settings.ts';
import { joinSettings } from '../../src/settings/join-settings.ts';
import { originSettings } from '../../src/settings/origin-settings.ts';
import { statusSettings } from '../../src/settings/status-settings.ts';
import { findSettings } from '../../src/settings/find-settings.ts';
import { membershipSettings } from '../../src/settings/membership-settings.ts';
import { registrationSettings } from '../../src/settings/client-settings.ts';
import {
  NOT_IN_THIS_VERSION,
  registrySettings,
  WITHOUT_EFFECT,
} from '../../src/settings/registry-settings.ts';

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function settingsTable(settings: Settings): string {
  const rows = describeFlags(settings).flatMap((flag) => {
    const setting = settings[flag.name];
    if (setting === undefined || flag.group === NOT_IN_THIS_VERSION || flag.group === WITHOUT_EFFECT)
      return [];
    const value = flag.valueName === undefined ? '' : ` <${flag.choices?.join('\\|') ?? flag.valueName}>`;
    const environment = [setting.environment].flat().map((name) => `\`${name}\``);
    const byDefault =
      flag.defaultText === undefined || flag.defaultText === '' ? '' : `\`${flag.defaultText}\``;
    return [row([`\`--${flag.name}${value}\``, environment.join(', '), byDefault, flag.description])];
  });
  return [
    row(['Flag', 'Environment', 'Default', 'What it does']),
    row(['---', '---', '---', '---']),
    ...rows,
  ].join('\n');
}

function commandsTable(): string {
  const inGroups = new Map(
    groups.flatMap(({ name, commands: verbs }) =>
      verbs.map((verb) => [verb, `${name} ${verb.name}`] as const),
    ),
  );
  const rows = commands.map((each) => row([`\`muster ${inGroups.get(each) ?? each.name}\``, each.summary]));
  return [row(['Command', 'What it does']), row(['---', '---']), ...rows].join('\n');
}

function exitCodesTable(): string {
  const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => row([String(code), meaning]));
  return [row(['Code', 'Meaning']), row(['---', '---']), ...rows].join('\n');
}

/** The tables of README.md that follow from declarations, by the mark that stands before each. `npm run docs` writes them. */
export const README_TABLES: Readonly<Record<string, string>> = {
  '<!-- commands -->': commandsTable(),
  '<!-- settings: devSettings -->': settingsTable(devSettings),
  '<!-- settings: joinSettings -->': settingsTable(joinSettings),
  '<!-- settings: originSettings -->': settingsTable(originSettings),
  '<!-- settings: registrySettings -->': settingsTable(registrySettings),
  '<!-- settings: registrationSettings -->': settingsTable(registrationSettings),
  '<!-- settings: discoverySettings -->': settingsTable(discoverySettings),
  '<!-- settings: demoSettings -->': settingsTable(demoSettings),
  '<!-- settings: statusSettings -->': settingsTable(statusSettings),
  '<!-- settings: membershipSettings -->': settingsTable(membershipSettings),
  '<!-- settings: findSettings -->': settingsTable(findSettings),
  '<!-- settings: coordinationSettings -->': settingsTable(coordinationSettings),
  '<!-- settings: pullSettings -->': settingsTable(pullSettings),
  '<!-- settings: doctorSettings -->': settingsTable(doctorSettings),
  '<!-- settings: doctorMirrorSettings -->': settingsTable(doctorMirrorSettings),
  '<!-- exit codes -->': exitCodesTable(),
};
