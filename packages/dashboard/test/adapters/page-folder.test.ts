import { isAbsolute } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pageFolder, PageNotBuiltError } from '../../src/index.ts';

describe('pageFolder', () => {
  it('is an absolute folder, or says how to build it', () => {
    try {
      expect(isAbsolute(pageFolder())).toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(PageNotBuiltError);
      expect(error).toMatchObject({
        code: 'page-not-built',
        message: expect.stringContaining('npm run build -w @muster/dashboard'),
      });
    }
  });
});
