import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { fetchObject } from '../../src/pull/mirror-client.ts';

const BYTES = Buffer.alloc(100_000, 'muster');
const DIGEST = `sha256:${createHash('sha256').update(BYTES).digest('hex')}` as const;
const never = new AbortController().signal;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A mirror that gives these answers, one after the other. */
async function mirrorWith(...answers: readonly Answer[]) {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    answers[Math.min(seen.length, answers.length) - 1]?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { place: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const object = { registry: 'a.example', repository: 'team/app', digest: DIGEST, path: 'blobs' } as const;

function sink() {
  const chunks: Uint8Array[] = [];
  return {
    write: async (chunk: Uint8Array): Promise<void> => void chunks.push(chunk),
    restart: async (): Promise<void> => void chunks.splice(0),
    get bytes(): Buffer {
      return Buffer.concat(chunks);
    },
  };
}

const whole: Answer = (_, response) => {
  response.writeHead(200, { 'gantry-source': 'peer', 'content-type': 'text/plain' });
  response.end(BYTES);
};

test('gets an object, and says where the mirror had it from', async () => {
  const { place, seen } = await mirrorWith(whole);
  const target = sink();
  expect(await fetchObject(place, object, target, never)).toMatchObject({
    size: BYTES.length,
    source: 'peer',
    mediaType: 'text/plain',
  });
  expect(target.bytes.equals(BYTES)).toBe(true);
  expect(seen[0]?.url).toBe(`/v2/team/app/blobs/${DIGEST}?ns=a.example`);
});

test('goes on where it broke off', async () => {
  const { place, seen } = await mirrorWith(
    (_, response) => {
      response.writeHead(200, { 'content-length': BYTES.length });
      response.write(BYTES.subarray(0, 60_000), () => response.destroy());
    },
    (request, response) => {
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1]);
      response.writeHead(206, { 'gantry-source': 'cache' });
      response.end(BYTES.subarray(start));
    },
  );
  const target = sink();
  await fetchObject(place, object, target, never);
  expect(target.bytes.equals(BYTES)).toBe(true);
  expect(seen[1]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
});

test('begins anew when the rest is not to be had', async () => {
  const { place } = await mirrorWith((_, response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(Buffer.alloc(60_000, 'x'), () => response.destroy());
  }, whole);
  const target = sink();
  await fetchObject(place, object, target, never);
  expect(target.bytes.equals(BYTES)).toBe(true);
});

test('what does not match its digest is not taken, however often it comes', async () => {
  const { place, seen } = await mirrorWith((_, response) => void response.end('something else'));
  const limit = AbortSignal.timeout(3_000);
  await expect(fetchObject(place, object, sink(), limit)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  expect(seen.length).toBeGreaterThan(1);
});

test('a refusal tells its reason; what is busy is asked again', async () => {
  const body = JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'no such thing' }] });
  const missing = await mirrorWith((_, response) => void response.writeHead(404).end(body));
  await expect(fetchObject(missing.place, object, sink(), never)).rejects.toMatchObject({
    code: 'MIRROR_REFUSED',
    message: expect.stringContaining('404 for a.example/team/app') as unknown,
    hint: expect.stringContaining('upstream-registries') as unknown,
  });
  expect(missing.seen).toHaveLength(1);
  const other = await mirrorWith((_, response) => void response.writeHead(404).end('nothing of a registry'));
  await expect(fetchObject(other.place, object, sink(), never)).rejects.toMatchObject({
    code: 'MIRROR_REFUSED',
    hint: expect.stringContaining('address for container runtimes') as unknown,
  });
  const busy = await mirrorWith(
    (_, response) => void response.writeHead(503, { 'retry-after': '0' }).end(),
    whole,
  );
  expect(await fetchObject(busy.place, object, sink(), never)).toMatchObject({ source: 'peer' });
});

test('nobody there', async () => {
  await expect(fetchObject('127.0.0.1:1', object, sink(), never)).rejects.toMatchObject({
    code: 'MIRROR_UNREACHABLE',
  });
});
