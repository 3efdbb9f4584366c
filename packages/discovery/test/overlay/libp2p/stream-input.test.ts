import type { Stream, StreamMessageEvent } from '@libp2p/interface';
import { streamPair } from '@libp2p/utils';
import { expect, test } from 'vitest';
import { attachInput, pauseInput, resumeInput } from '../../../src/overlay/libp2p/stream-input.ts';
import { eventually } from '../../support/libp2p-hosts.ts';

/** Attaches, and writes down what is heard. */
function listenTo(stream: Stream): string[] {
  const heard: string[] = [];
  attachInput(stream, {
    onChunk: (chunk) => heard.push(Buffer.from(chunk).toString()),
    onEnd: () => heard.push('end'),
    onClose: (reset) => heard.push(reset === undefined ? 'closed' : 'reset'),
  });
  return heard;
}

const pair = async (): Promise<[Stream, Stream]> => (await streamPair()) as [Stream, Stream];

test('chunks, the end, and the close, in order', async () => {
  const [a, b] = await pair();
  const heard = listenTo(a);
  b.send(Buffer.from('one'));
  await b.close();
  await eventually(() => heard.includes('end'));
  expect(heard).toEqual(['one', 'end']);
  await a.close();
  await eventually(() => heard.includes('closed'));
  expect(heard).toEqual(['one', 'end', 'closed']);
});

test('what came before anybody listened is not lost', async () => {
  const [a, b] = await pair();
  b.send(Buffer.from('early'));
  await b.close();
  await eventually(() => a.remoteWriteStatus === 'closed');
  const heard = listenTo(a);
  await eventually(() => heard.includes('end'));
  expect(heard).toEqual(['early', 'end']);
});

test('data that were read ahead and put back come before the end, though that was announced before', async () => {
  const [a, b] = await pair();
  const ahead: Uint8Array[] = [];
  const readAhead = ({ data }: StreamMessageEvent): void => void ahead.push(data.subarray());
  a.addEventListener('message', readAhead);
  b.send(Buffer.from('ahead'));
  await eventually(() => ahead.length === 1);
  await b.close();
  await eventually(() => a.readableEnded);
  a.removeEventListener('message', readAhead);
  a.push(ahead[0]!);
  const heard = listenTo(a);
  await eventually(() => heard.includes('end'));
  expect(heard).toEqual(['ahead', 'end']);
});

test('what was held back is handed over before an orderly end', async () => {
  const [a, b] = await pair();
  const heard = listenTo(a);
  pauseInput(a);
  b.send(Buffer.from('held'));
  await Promise.all([b.close(), a.close()]);
  await eventually(() => heard.includes('closed'));
  expect(heard).toEqual(['held', 'end', 'closed']);
  resumeInput(a);
  pauseInput(a);
});

test('after a reset no end comes', async () => {
  const [a, b] = await pair();
  const heard = listenTo(a);
  b.abort(new Error('gone'));
  await eventually(() => heard.length > 0);
  expect(heard).toEqual(['reset']);
  expect(listenTo(a)).toEqual(['reset']);
});
