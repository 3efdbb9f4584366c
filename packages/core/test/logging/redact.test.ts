import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSecretName, loggableFields, recordingLogger, silentLogger } from '../../src/index.ts';

test.each([
  'token',
  'admin_token',
  'adminToken',
  'x-admin-token',
  'X-Admin-Token',
  'tokens',
  'password',
  'dbPassword',
  'secret',
  'client_secret',
  'authorization',
  'Authorization',
  'signature',
  'newSignature',
  'privateKey',
  'private_key',
  'PrivateKey',
  'tlsKey',
  'set-cookie',
])('%s is redacted', (name) => {
  expect(isSecretName(name)).toBe(true);
  expect(loggableFields({ list: [{ a: { [name]: 'hidden' } }] })).toEqual({
    list: [{ a: { [name]: '<redacted>' } }],
  });
});

test.each([
  'public_key',
  'publicKey',
  'newPublicKey',
  'adminTokenFile',
  'tokenCount',
  'key',
  'monkey',
  'signatures_checked',
])('%s is shown', (name) => {
  expect(loggableFields({ [name]: 'shown' })).toEqual({ [name]: 'shown' });
});

test('no secret shows, at whatever depth it is; the result is bounded and plain', () => {
  fc.assert(
    fc.property(
      fc.object({ maxDepth: 8, key: fc.constantFrom('a', 'token', 'b', 'adminPassword') }),
      (object) => {
        const marked = JSON.parse(
          JSON.stringify(object, (key, value: unknown) => (isSecretName(key) ? 'HIDDEN' : value)),
        ) as object;
        expect(JSON.stringify(loggableFields(marked))).not.toContain('HIDDEN');
      },
    ),
  );
  const wide = loggableFields({ list: Array.from({ length: 1000 }, () => 'x'.repeat(10_000)) });
  expect(JSON.stringify(wide).length).toBeLessThan(101 * 4200);
});

test('recording and silent loggers', () => {
  const logger = recordingLogger();
  logger.child({ a: 1 }).info({ b: 2 }, 'm');
  expect(logger.entries).toEqual([{ level: 'info', fields: { a: 1, b: 2 }, message: 'm' }]);
  expect(silentLogger.child({})).toBe(silentLogger);
});
