import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../src/content-key.ts';
import { originFailureOf } from '../../src/origin/failure.ts';
import { fillTemplate, TemplateOrigin } from '../../src/origin/template-origin.ts';
import { originFixture, readAll } from '../support/origin-fixture.ts';
import { OriginServer } from '../../../../benchmarks/coordination/lab/origin-server.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const never = new AbortController().signal;
const digest = digestOf(Buffer.from('weights'));
const hex = createHash('sha256').update('weights').digest('hex');

describe('TemplateOrigin', () => {
  it('fills namespace, file, repository and digest into its template', () => {
    expect(fillTemplate('https://f.example/{namespace}/-/{file}?v={hex}', 'team/model/w.bin', digest)).toBe(
      `https://f.example/team/model/-/w.bin?v=${hex}`,
    );
    expect(fillTemplate('https://f.example/{repository}', 'team/model/w.bin', digest)).toBe(
      'https://f.example/team/model/w.bin',
    );
    expect(fillTemplate('https://f.example/x{namespace}/{file}', 'w.bin', digest)).toBe(
      'https://f.example/x/w.bin',
    );
    expect(fillTemplate('https://f.example/{file}', 'a/b?c#d%', digest)).toBe(
      'https://f.example/b%3Fc%23d%25',
    );
  });

  it.each([
    'https://f.example/file',
    'https://{namespace}.example/{file}',
    'https://f.example/{tag}',
    'ftp://f.example/{file}',
    '{file}',
    'https://u:p@f.example/{file}',
    'https://f.example:{file}/x',
  ])('refuses the template %j', (template) => {
    const { parts } = originFixture('http://127.0.0.1:1');
    expect(() => new TemplateOrigin({ name: 'files', template, ...parts })).toThrow(
      expect.objectContaining({ code: 'ORIGIN_UNKNOWN' }),
    );
  });

  it('reads files of any server, continued when they break off, and fails with the classes of the others', async () => {
    const server = await OriginServer.start();
    closers.push(async () => server.close());
    const { parts, published, close } = originFixture(server.url);
    closers.unshift(() => close());
    const bytes = Buffer.alloc(200_000, 'w');
    const stored = server.add(bytes);
    const origin = new TemplateOrigin({
      name: 'files',
      template: `${server.url}/v2/{namespace}/blobs/sha256:{hex}`,
      ...parts,
    });
    server.script(stored, { kind: 'cut', afterBytes: 70_000 });
    const opened = await origin.open('models/weights.bin', stored, 'blob', 0, never);
    expect(opened.size).toBe(200_000);
    expect((await readAll(opened.body)).equals(bytes)).toBe(true);
    expect(published.filter(({ topic }) => topic === 'origin.resumed')).toHaveLength(1);
    expect(server.seen[0]?.url).toBe(`/v2/models/blobs/${stored}`);
    expect(await origin.head('models/weights.bin', stored, 'blob', never)).toMatchObject({ size: 200_000 });

    const error = await origin
      .open('models/other.bin', digest, 'blob', 0, never)
      .catch((reason: unknown) => reason);
    expect(originFailureOf(error)).toMatchObject({ registry: 'files', failureClass: 'not_found' });
    expect(server.countsOf(digest).get).toBe(1);
  });
});
