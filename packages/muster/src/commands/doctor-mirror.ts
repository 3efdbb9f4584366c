import { EXIT_CODES } from '@muster/core';
import { defineCommand } from '../cli/command.ts';
import { cell } from '../cli/table.ts';
import type { Finding } from '../doctor/finding.ts';
import { doctorMirrorSettings } from '../settings/mirror-status-settings.ts';

const MARKS: Readonly<Record<Finding['status'], string>> = { ok: 'ok', warning: 'look', problem: 'CHANGE' };

export const mirror = defineCommand({
  name: 'mirror',
  summary: 'Find out whether the container runtime uses the mirror, and what to change if not.',
  description:
    'Look at a running mirror and at the configuration of the container runtimes of this machine (containerd, Podman, CRI-O), and say ' +
    'what is right and which setting to change. With --image, prove it with one manifest. Nothing is changed. Exit code 10 when ' +
    'something has to be changed.',
  settings: doctorMirrorSettings,
  examples: ['doctor mirror', 'doctor mirror --image docker.io/library/alpine:3 --json'],
  run: async (context) => {
    const { examineMirror } = await import('../doctor/examine-mirror.ts');
    const findings = await examineMirror(context.values);
    const problems = findings.filter(({ status }) => status === 'problem').length;
    context.print({ problems, findings }, textOf(findings, problems));
    return problems === 0 ? undefined : EXIT_CODES.refused.code;
  },
});

function textOf(findings: readonly Finding[], problems: number): string {
  const lines = findings.map(({ status, what, found, fix }) => {
    const first = `${MARKS[status].padEnd(6)}  ${cell(what)}: ${cell(found)}`;
    const rest = (fix ?? '').split('\n').map((line) => `        ${cell(line)}`);
    return fix === undefined ? first : [first, ...rest].join('\n');
  });
  const end = problems === 0 ? 'Nothing has to be changed.' : `${problems} to change.`;
  return `${lines.join('\n')}\n\n${end}`;
}
