import { EXIT_CODES } from '@muster/core';
import { defineCommand } from '../cli/command.ts';
import { packageVersion } from '../cli/version.ts';
import { findingLines } from '../doctor/show-findings.ts';
import { doctorSettings } from '../settings/doctor-settings.ts';

export const all = defineCommand({
  name: 'all',
  summary: 'Find out what is wrong with a fleet, its machine and its configuration; also without "all".',
  description:
    'Look at versions, ports, clocks, keys, permissions, the durability of the disk (measured), what can be reached, whether registry ' +
    'and overlay agree, and what earlier runs have left; and name the setting to change. It looks at the fleet of `muster dev` in ' +
    'muster-data or --fleet, at services by their configuration (--service), and at what the other flags name. Nothing is changed; a ' +
    'file of 4 KiB is written to each data folder to measure the disk, and removed. Exit code 10 when something has to be changed.',
  settings: doctorSettings,
  isDefault: true,
  examples: [
    'doctor',
    'doctor --fleet /tmp/fleet --json',
    'doctor --service registry=/etc/muster/registry.yaml --service mirror=/etc/gantry/config.yaml',
    'doctor --registry 192.0.2.7:9000 --pin <fingerprint> --data /var/lib/muster',
  ],
  run: async (context) => {
    // Loaded when it is needed: other commands are quicker without it.
    const [{ subjectOf }, { examine }] = await Promise.all([
      import('../doctor/subject-of-command.ts'),
      import('../doctor/examine.ts'),
    ]);
    const { values, io, config, progress } = context;
    const subject = await subjectOf(values, {
      environment: io.environment,
      homeDirectory: io.homeDirectory,
      sources: config.sources,
    });
    const findings = await examine(subject, {
      timeoutMs: values.timeoutMs,
      version: packageVersion(),
      onCheck: (check) => progress.update(check),
    });
    progress.end();
    const problems = findings.filter(({ status }) => status === 'problem').length;
    const warnings = findings.filter(({ status }) => status === 'warning').length;
    context.print(
      { problems, warnings, from: subject.from, findings },
      findingLines(findings, { from: subject.from, problems, warnings }),
    );
    return problems === 0 ? undefined : EXIT_CODES.refused.code;
  },
});
