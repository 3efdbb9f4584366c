import { describe, expect, it } from 'vitest';
import { examineDisk, fileSystemOf } from '../../../src/doctor/checks/disk.ts';
import { type DiskFigures, summaryOf } from '../../../src/doctor/probes/disk.ts';

const FOLDER = { owner: 'the registry', path: '/data', setting: 'data', isSecret: true, isDurable: true };
const FINE: DiskFigures = {
  type: 0xef53,
  freeBytes: 100 * 1024 ** 3,
  totalBytes: 200 * 1024 ** 3,
  freeFiles: 1_000_000,
  syncs: 200,
  medianUs: 400,
  slowestUs: 12_000,
  perSecond: 2_300,
};
const statuses = (figures: Partial<DiskFigures>, folder = FOLDER): readonly string[] =>
  examineDisk(folder, { ...FINE, ...figures }).map(({ status }) => status);

describe('the disk', () => {
  it('says what was measured', () => {
    const [syncs, room] = examineDisk(FOLDER, FINE);
    expect(syncs).toMatchObject({ status: 'ok' });
    expect(syncs?.found).toBe(
      '/data: a sync takes 400 µs (slowest of 200: 12.0 ms), 2300/s one after the other',
    );
    expect(room).toMatchObject({ status: 'ok', found: '/data: 100GiB of 200GiB free' });
  });

  it('does not believe what no disk can do', () => {
    const [syncs] = examineDisk(FOLDER, { ...FINE, medianUs: 3 });
    expect(syncs).toMatchObject({ status: 'warning' });
    expect(syncs?.fix).toContain('writethrough');
  });

  it('warns of a slow one, which all writes wait for', () => {
    expect(statuses({ medianUs: 80_000 })).toEqual(['warning', 'ok']);
  });

  it.each([
    [0x01021994, 'problem', 'tmpfs'],
    [0x6969, 'warning', 'NFS'],
    [0x794c7630, 'warning', 'overlayfs'],
  ])('names the file system %i', (type, status, name) => {
    expect(examineDisk(FOLDER, { ...FINE, type })[1]).toMatchObject({
      status,
      found: expect.stringContaining(name),
    });
    expect(statuses({ type }, { ...FOLDER, isDurable: false })).toEqual(['ok']);
  });

  it('knows numbers that some systems tell with a sign', () => {
    expect(fileSystemOf(0xff534d42 | 0)?.name).toBe('CIFS');
    expect(fileSystemOf(1)).toBeUndefined();
  });

  it('finds a disk that is nearly full, of bytes or of files', () => {
    expect(statuses({ freeBytes: 500 * 1024 ** 2 })).toEqual(['ok', 'warning']);
    expect(statuses({ freeBytes: 1024 ** 2 })).toEqual(['ok', 'problem']);
    expect(statuses({ freeFiles: 3 })).toEqual(['ok', 'problem']);
    expect(statuses({ freeFiles: undefined })).toEqual(['ok', 'ok']);
  });

  it('sums up times', () => {
    expect(summaryOf([30, 10, 20])).toEqual({ syncs: 3, medianUs: 20, slowestUs: 30, perSecond: 50_000 });
    expect(summaryOf([])).toEqual({ syncs: 0, medianUs: 0, slowestUs: 0, perSecond: 0 });
  });
});
