import { describeStoreContract } from '../support/store-contract.ts';
import { diskStore, memoryStore, temporaryFolder } from '../support/stores.ts';

describeStoreContract('a store on the disk', async () => diskStore(await temporaryFolder()));
describeStoreContract('a store in memory', async () => (await memoryStore()).store);
