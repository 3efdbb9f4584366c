import { EXIT_CODES } from '@muster/core';
import { defineCommand } from '../cli/command.ts';
import { endOf, findingText } from '../doctor/show-findings.ts';
import { doctorMirrorSettings } from '../settings/mirror-status-settings.ts';

export const mirror = defineCommand({
  name: 'mirror',
  summary: 'Find out whether the container runtime uses the mirror, and what to change if not.',
  description:
    'Look at a running mirror and at the configuration of the container runtimes of this machine (containerd, Podman, CRI-O, Docker), and say ' +
    'what is right and which setting to change. With --image, prove it with one manifest. Nothing is changed. Exit code 10 when ' +
    'something has to be changed.',
  settings: doctorMirrorSettings,
  examples: ['doctor mirror', 'doctor mirror --image docker.io/library/alpine:3 --json'],
  run: async (context) => {
    const { examineMirror } = await import('../doctor/examine-mirror.ts');
    const { values, config } = context;
    const files = {
      'containerd-config': values.containerdConfig,
      'certs-dir': values.certsDir,
      'registries-conf': values.registriesConf,
      'docker-config': values.dockerConfig,
    };
    const namedFiles: Record<string, string> = {};
    for (const [flag, path] of Object.entries(files)) {
      if (path !== undefined && config.sources.get(flag) !== 'default') namedFiles[flag] = path;
    }
    const findings = await examineMirror({ ...values, namedFiles });
    const problems = findings.filter(({ status }) => status === 'problem').length;
    context.print(
      { problems, findings },
      `${findings.map(findingText).join('\n')}\n\n${endOf({ problems })}`,
    );
    return problems === 0 ? undefined : EXIT_CODES.refused.code;
  },
});
