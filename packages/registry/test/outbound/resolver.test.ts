import { expect, it } from 'vitest';
import { systemResolver } from '../../src/outbound/index.ts';

it('resolves names that come together, also behind one that fails', async () => {
  const resolve = systemResolver();
  // No label may have more than 63 characters, so no name server is asked.
  const impossible = resolve(`${'x'.repeat(64)}.invalid`);
  const names = [resolve('localhost'), resolve('127.0.0.1')];
  await expect(impossible).rejects.toThrow('ENOTFOUND');
  const [local = [], literal] = await Promise.all(names);
  expect(local.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
  expect(literal).toEqual(['127.0.0.1']);
});
