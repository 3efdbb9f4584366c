/** Commits one object, says so, and writes another one without end, until it is killed. */
import { silentLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { digestOf } from '../../src/content-key.ts';
import { nodeStoreFiles } from '../../src/store/adapters/node-store-files.ts';
import { FileContentStore } from '../../src/store/file-content-store.ts';

const store = await FileContentStore.open({
  directory: process.argv[2] as string,
  files: nodeStoreFiles,
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  logger: silentLogger,
  options: { budgetBytes: 1_000_000_000, headroomPercent: 0, providerThreshold: 3, verifyOnStart: 'off' },
});
const whole = await store.writer(digestOf('whole'));
await whole.write(Buffer.from('whole'));
await whole.commit();
process.send?.(digestOf('whole'));
const endless = await store.writer(digestOf('endless'));
const chunk = Buffer.alloc(65_536, 1);
while (process.connected && endless.bytesWritten < 500_000_000) {
  await endless.write(chunk);
  await new Promise((resolve) => {
    setTimeout(resolve, 1);
  });
}
