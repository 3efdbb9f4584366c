import { defineSettings, errorCode, EXIT_CODES } from '@muster/core';
import type { StoreCheckReport, VerifyProblem } from '@muster/registry';
import { type CommandContext, defineCommand } from '../cli/command.ts';
import { count, showBytes } from '../cli/progress.ts';
import { facts } from '../cli/table.ts';
import { requireStore } from '../serve/data-directory.ts';
import { dataSettings, registrySettings } from '../settings/registry-settings.ts';

/** Contradictions that a person is told one by one; all are counted, and in the JSON. */
const MAX_SHOWN_CONTRADICTIONS = 20;

/** A store, and how large it may be. */
export const storeSettings = defineSettings({ ...dataSettings, 'max-nodes': registrySettings['max-nodes'] });

export const verify = defineCommand({
  name: 'verify',
  summary: 'Check the data of a registry that is not running.',
  description:
    'Check everything in a data folder without changing it: every file and checksum, that no record is missing, and what ' +
    'the records say. Of a registry that runs, check a backup. Exit code 0: all is well; 3: something is damaged.',
  settings: storeSettings,
  examples: ['registry verify --data /var/lib/muster'],
  run: async (context) => {
    const { data, maxNodes } = context.values;
    await requireStore(data);
    const report = await checkDirectory(context, data, maxNodes);
    context.print(checkJson(data, report), checkText(data, report));
    return report.ok ? EXIT_CODES.ok.code : EXIT_CODES.storeDamaged.code;
  },
});

/** Checks a store, and shows how far it has come. */
export async function checkDirectory(
  { progress }: Pick<CommandContext, 'progress'>,
  directory: string,
  maxNodes: number,
): Promise<StoreCheckReport> {
  progress.update(`checking ${directory}`);
  const { checkStore } = await import('@muster/registry');
  const report = await checkStore(
    directory,
    ({ phase, bytesDone, bytesTotal, seq }) => {
      const far = bytesTotal === 0 ? '' : `: ${showBytes(bytesDone)} of ${showBytes(bytesTotal)}`;
      progress.update(`checking the ${phase} from record ${seq}${far}`);
    },
    { limits: { maxNodes } },
  );
  progress.end();
  return report;
}

/** The report of a check, for scripts. */
export function checkJson(data: string, { contentsError, ...report }: StoreCheckReport): object {
  const error =
    contentsError === undefined
      ? null
      : { code: errorCode(contentsError) ?? 'INTERNAL', message: contentsError.message };
  return { data, ...report, contents: report.contents ?? null, contentsError: error };
}

/** The report of a check, as a person is told it. */
export function checkText(data: string, report: StoreCheckReport): string {
  const { ok, log, contents, contentsError } = report;
  const newest = log.snapshots.at(-1);
  const bytes = log.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const rows = facts([
    ['records', `up to ${log.knownSeq}`],
    [
      'snapshots',
      newest === undefined ? 'none' : `${log.snapshots.length}, the newest up to record ${newest.seq}`,
    ],
    ['log', `${count(log.segments.length, 'segment')}, ${showBytes(bytes)}`],
    ['nodes', contents === undefined ? undefined : `${contents.nodes} live, ${contents.tombstones} gone`],
    ['networks', contents === undefined ? undefined : String(contents.networks)],
    ['memberships', contents === undefined ? undefined : String(contents.memberships)],
    ['trust pairs', contents === undefined ? undefined : String(contents.trustPairs)],
    [
      'kept for an export',
      contents === undefined || contents.carried.length === 0 ? undefined : contents.carried.join(', '),
    ],
    ['last seen times', report.lastSeen],
    ['damaged files kept', log.setAside.length === 0 ? undefined : log.setAside.join(', ')],
  ]);
  const problems = problemsOf(report).map((problem) => `  * ${problem}`);
  const advice = [
    ...log.advice,
    ...(log.opens && contentsError !== undefined
      ? ['Use the version of Muster that wrote the store, or a newer one; else restore a backup.']
      : []),
  ];
  return [
    `${data}: ${ok ? 'the store is good' : 'the store is damaged'}`,
    ...section(rows.split('\n').map((row) => `  ${row}`)),
    ...section(notesOf(report)),
    ...section(problems),
    ...section(advice),
  ].join('\n');
}

function section(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

/** What is normal, and yet worth knowing. */
function notesOf({ log }: StoreCheckReport): readonly string[] {
  const { tornBytes, temporary } = log;
  return [
    ...(tornBytes === 0
      ? []
      : [
          `An unfinished write of ${showBytes(tornBytes)} is at the end: normal after a crash, the next start cuts it off.`,
        ]),
    ...(temporary.length === 0
      ? []
      : [`Unfinished files, which the next start removes: ${temporary.join(', ')}`]),
  ];
}

function problemsOf({ log, contents, contentsError, lastSeen }: StoreCheckReport): readonly string[] {
  const contradictions = contents?.inconsistencies ?? [];
  const shown = contradictions.slice(0, MAX_SHOWN_CONTRADICTIONS);
  const more = (contents?.inconsistencyCount ?? 0) - shown.length;
  return [
    ...log.problems.map(problemText),
    ...(log.opens && contentsError !== undefined
      ? [`the contents cannot be read: ${contentsError.message}`]
      : []),
    ...(lastSeen === 'damaged'
      ? ['the times of the last signs of life are damaged: nodes count as seen when they last changed']
      : []),
    ...shown.map((text) => `the contents do not agree: ${text}`),
    ...(more > 0 ? [`and ${more} more places where the contents do not agree`] : []),
  ];
}

function problemText({ code, file, offset, fromSeq, toSeq, reason, fatal }: VerifyProblem): string {
  const at = offset === undefined ? '' : `, offset ${offset}`;
  const records = fromSeq === undefined || toSeq === undefined ? '' : `; ${recordsText(fromSeq, toSeq)}`;
  return `${file}${at}: ${reason}${records} (${code}${fatal ? '' : '; newer files make up for it'})`;
}

function recordsText(fromSeq: number, toSeq: number): string {
  return fromSeq === toSeq ? `record ${fromSeq}` : `records ${fromSeq} to ${toSeq}`;
}
