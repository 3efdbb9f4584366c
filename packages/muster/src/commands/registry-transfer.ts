/** Moving between the original's store and ours. */
import type { ImportReport, TransferNote, TransferProgress } from '@muster/registry';
import { cliErrors } from '../cli/cli-errors.ts';
import { type CommandContext, defineCommand } from '../cli/command.ts';
import { count, showBytes } from '../cli/progress.ts';
import { facts } from '../cli/table.ts';
import { holdsStore, requireStore } from '../serve/data-directory.ts';
import { importSettings } from '../settings/transfer-settings.ts';
import { storeSettings } from './registry-verify.ts';

const MAX_SHOWN_EXAMPLES = 3;

export const importOriginal = defineCommand({
  name: 'import',
  summary: 'Make a data folder from what the original registry left.',
  description:
    'Make a new data folder from the snapshot of the original registry and its log, which is beside it with .wal after its ' +
    'name unless --wal says otherwise. Stop the original first. Its files are only read, and what was written is read back ' +
    'and compared. What is odd in them, and what cannot be as it was, is reported.',
  settings: importSettings,
  operands: [
    { name: 'from', value: 'file', description: 'Snapshot of the original.' },
    {
      name: 'wal',
      value: 'file',
      description: 'Log of the original. (default: the snapshot with .wal after its name)',
    },
  ],
  examples: ['registry import --from /srv/rendezvous/registry.json --data /var/lib/muster'],
  run: async (context) => {
    const { operands, values, progress } = context;
    const { data, maxNodes, salvage, acceptMissingChecksum, withoutWal } = values;
    if (operands['from'] === undefined && operands['wal'] === undefined) {
      throw cliErrors.create(
        'USAGE',
        'nothing to import: give --from, the snapshot of the original, or --wal, its log',
      );
    }
    if (await holdsStore(data)) {
      throw cliErrors.create('TARGET_EXISTS', `${data} holds a store already`, {
        hint: 'Choose a new folder with --data: an import never overwrites.',
        details: { path: data },
      });
    }
    const { importOriginalStore } = await import('@muster/registry');
    const report = await importOriginalStore({
      snapshotPath: operands['from'],
      logPath: operands['wal'],
      withoutLog: withoutWal,
      directory: data,
      salvage,
      acceptMissingChecksum,
      limits: { maxNodes },
      onProgress: showTransfer(progress),
    });
    progress.end();
    context.print(report, importText(report));
    return undefined;
  },
});

export const exportOriginal = defineCommand({
  name: 'export',
  summary: 'Write the data for the original registry.',
  description:
    'Write a snapshot that the original registry loads. Of a registry that runs, export a backup. Tokens of networks are kept ' +
    'as hashes here, so such networks get new random ones, and stay closed until they are given out.',
  settings: storeSettings,
  operands: [{ name: 'to', value: 'file', description: 'New file for the snapshot.', required: true }],
  examples: ['registry export --data /var/lib/muster --to registry.json'],
  run: async (context) => {
    const { data, maxNodes } = context.values;
    await requireStore(data);
    const { exportOriginalStore } = await import('@muster/registry');
    const report = await exportOriginalStore({
      directory: data,
      to: context.operands['to'] ?? '',
      limits: { maxNodes },
      onProgress: showTransfer(context.progress),
    });
    context.progress.end();
    const { newTokens, leftOut, notes } = report;
    context.print(
      report,
      [
        `${report.path}: ${showBytes(report.bytes)}, checked`,
        facts([
          ['nodes', `${report.nodes} live, ${report.tombstones} gone`],
          ['networks', String(report.networks)],
          ['trust pairs', String(report.trustPairs)],
          ['SHA-256', report.checksum],
        ]),
        ...(newTokens.length === 0
          ? []
          : [
              `New tokens for ${newTokens.map(({ id, name }) => `${name} (${id})`).join(', ')}: they are in the file.`,
            ]),
        ...leftOut.map(
          ({ pattern, count: times, example }) => `Left out: ${pattern}, ${times} times, such as ${example}`,
        ),
        ...notes.flatMap(noteLines),
      ].join('\n'),
    );
    return undefined;
  },
});

function showTransfer(progress: CommandContext['progress']): (progress: TransferProgress) => void {
  return ({ phase, done, total }) => {
    const show = phase === 'read' || phase === 'write' ? showBytes : String;
    progress.update(`${phase}: ${show(done)}${total === undefined ? '' : ` of ${show(total)}`}`);
  };
}

function importText(report: ImportReport): string {
  const { snapshot, log, nodesWithoutKey } = report;
  const rows = facts([
    ['snapshot', snapshot && `${snapshot.path}, ${showBytes(snapshot.bytes)}, checksum ${snapshot.checksum}`],
    ['log', log && `${log.path}, ${count(log.records, 'record')}, ${log.applied} of them applied`],
    ['nodes', `${report.nodes} live, ${report.tombstones} gone`],
    ['without a key', nodesWithoutKey.length === 0 ? undefined : nodesWithoutKey.slice(0, 20).join(', ')],
    ['networks', String(report.networks)],
    ['trust pairs', String(report.trustPairs)],
    ['tokens hashed', String(report.hashedTokens)],
    ['kept for an export', report.carried.length === 0 ? undefined : report.carried.join(', ')],
  ]);
  const skipped = log?.skipped.length ?? 0;
  return [
    `${report.directory}: imported and checked`,
    rows,
    ...(log?.stoppedAt === undefined ? [] : [`The log cannot be read beyond offset ${log.stoppedAt}.`]),
    ...(skipped === 0 ? [] : [`Places of the log that were skipped: ${skipped}; --json lists them.`]),
    ...Object.entries(report.warningTotals).map(
      ([code, total]) => `Odd in the original: ${code}, ${total} times; --json lists them.`,
    ),
    ...report.notes.flatMap(noteLines),
  ].join('\n');
}

function noteLines({ code, count: times, examples }: TransferNote): readonly string[] {
  const shown = examples.slice(0, MAX_SHOWN_EXAMPLES);
  const rest = times > shown.length ? [`    and ${times - shown.length} more`] : [];
  return [`Not as it was: ${code}`, ...shown.map((example) => `    ${example}`), ...rest];
}
