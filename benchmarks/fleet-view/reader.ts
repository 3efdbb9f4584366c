/** A process that follows the page, as browsers do, and tells at the end how many bytes came: `node reader.ts <host:port> <readers>`. */
import { type IncomingMessage, request } from 'node:http';

const [address = '', readers = '1'] = process.argv.slice(2);
let bytes = 0;
let open = 0;
for (let index = 0; index < Number(readers); index++) {
  const asked = request(`http://${address}/api/events`, { agent: false }, (response: IncomingMessage) => {
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    open += 1;
    if (open === Number(readers)) process.send?.({ kind: 'open' });
  });
  asked.on('error', () => process.exit(1)).end();
}
process.on('message', () => process.send?.({ kind: 'bytes', bytes }));
process.on('disconnect', () => process.exit(0));
