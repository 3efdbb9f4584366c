import { describe, expect, it, test } from 'vitest';
import { NO_CONTENT_SOURCE, registryOfImageName } from '../../src/source/content-source.ts';
import { loadVectors, testDigest } from '../support/vectors.ts';

interface Vectors {
  readonly image_name_registry: readonly { readonly image: string; readonly registry: string }[];
}

describe('the registry of an image name', () => {
  it.each(loadVectors<Vectors>('membership-and-auth').image_name_registry)(
    '$image',
    ({ image, registry }) => {
      expect(registryOfImageName(image)).toBe(registry);
    },
  );
});

test('without a runtime there is nothing, and that is certain', async () => {
  expect(await NO_CONTENT_SOURCE.has(testDigest(1))).toBe('absent');
  expect(await NO_CONTENT_SOURCE.inventory()).toEqual([]);
  await expect(NO_CONTENT_SOURCE.open(testDigest(1))).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
});
