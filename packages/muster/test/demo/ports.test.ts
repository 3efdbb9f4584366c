import { once } from 'node:events';
import { createServer } from 'node:net';
import { seededRandom } from '@muster/core/testing';
import { expect, it } from 'vitest';
import { choosePorts } from '../../src/demo/ports.ts';

it('ports follow one another from a given one on', async () => {
  expect(await choosePorts(4001, 2, 3, seededRandom(1))).toEqual([4001, 4002, 4003, 4004, 4005]);
});

it('known ports are free and differ, and the system chooses the others', async () => {
  const ports = await choosePorts(0, 20, 2, seededRandom(2));
  expect(new Set(ports.slice(0, 20)).size).toBe(20);
  expect(ports.slice(20)).toEqual([0, 0]);
  const [taken] = ports;
  const server = createServer().listen(taken, '127.0.0.1');
  await once(server, 'listening');
  try {
    expect(await choosePorts(0, 20, 0, seededRandom(2))).not.toContain(taken);
  } finally {
    server.close();
  }
});
