import { fileStorage, systemClock } from '@muster/core';
import { defineCommand } from '../cli/command.ts';
import { count, showBytes } from '../cli/progress.ts';
import { requireStore } from '../serve/data-directory.ts';
import { checkDirectory, checkText, storeSettings } from './registry-verify.ts';

export const backup = defineCommand({
  name: 'backup',
  summary: 'Copy the data of a registry, also while it runs.',
  description:
    'Copy a data folder to a new one, also while a registry works on it, and check the copy. To restore, serve the copy. ' +
    'Secrets are not copied: keep the admin token and the folder tls/ yourself.',
  settings: storeSettings,
  operands: [
    { name: 'to', value: 'folder', description: 'New or empty folder for the copy.', required: true },
  ],
  examples: ['registry backup --data /var/lib/muster --to /backup/muster-2026-11-21'],
  run: async (context) => {
    const { data, maxNodes } = context.values;
    const to = context.operands['to'] ?? '';
    await requireStore(data);
    const { copyStore, logErrors, STORE_SIDE_FILES } = await import('@muster/registry');
    const copy = await copyStore(fileStorage, data, to, {
      clock: systemClock,
      sideFiles: STORE_SIDE_FILES,
      onProgress: (bytes) => context.progress.update(`copying: ${showBytes(bytes)}`),
    });
    const report = await checkDirectory(context, to, maxNodes);
    if (!report.ok) {
      throw logErrors.create('COPY_FAILED', `what was copied is not right\n${checkText(to, report)}`, {
        hint: `The store itself is likely to be so, too. Stop the registry and run: muster registry verify --data ${data}`,
        details: { directory: data },
      });
    }
    const { lastSeq, files, bytes } = copy;
    const nodes = report.contents?.nodes ?? 0;
    context.print(
      { data, to, ...copy, contents: report.contents },
      `${to}: a copy up to record ${lastSeq}: ${count(files, 'file')}, ${showBytes(bytes)}, ${count(nodes, 'node')}; checked`,
    );
    context.note(`Not copied, because they are secret: the admin token and the folder tls/ of ${data}`);
    return undefined;
  },
});
