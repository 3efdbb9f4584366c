import { describe, expect, it } from 'vitest';
import {
  originalAuditHash,
  parseOriginalSnapshot,
  verifyOriginalAuditChain,
} from '../../src/original/index.ts';
import type { OriginalAuditEntry } from '../../src/original/index.ts';
import { snapshotOf, vector } from './fixtures.ts';

interface AuditVectors {
  readonly entries: { readonly entry: Record<string, unknown>; readonly hash: string }[];
}

const golden = vector<AuditVectors>('audit_chain.json').entries;

function entries(): OriginalAuditEntry[] {
  return parseOriginalSnapshot(snapshotOf({ audit_log: golden.map(({ entry }) => entry) })).store.auditLog;
}

function changed(index: number, change: Partial<OriginalAuditEntry>): OriginalAuditEntry[] {
  return entries().map((entry, at) => (at === index ? { ...entry, ...change } : entry));
}

describe('audit chain', () => {
  it('hashes as the vectors do', () => {
    expect(entries().map(originalAuditHash)).toEqual(golden.map(({ hash }) => hash));
  });

  it('holds for the vectors, and for their end alone', () => {
    expect(verifyOriginalAuditChain(entries())).toEqual([]);
    expect(verifyOriginalAuditChain(entries().slice(1))).toEqual([]);
    expect(verifyOriginalAuditChain([])).toEqual([]);
  });

  it('tells alterations, gaps and missing hashes apart', () => {
    expect(verifyOriginalAuditChain(changed(1, { details: 'other' }))).toEqual([{ index: 1, kind: 'hash' }]);
    expect(verifyOriginalAuditChain(entries().toSpliced(1, 1))).toEqual([{ index: 1, kind: 'link' }]);
    expect(verifyOriginalAuditChain(changed(1, { hash: '', prevHash: '' }))).toEqual([
      { index: 1, kind: 'unhashed' },
      { index: 2, kind: 'link' },
    ]);
    expect(verifyOriginalAuditChain(entries().toReversed()).map(({ kind }) => kind)).toEqual([
      'link',
      'link',
    ]);
  });

  it('accepts entries from before there was a chain', () => {
    expect(verifyOriginalAuditChain(changed(0, { hash: '' }))).toEqual([]);
  });

  it('is reported when a snapshot is read', () => {
    const log = golden.map(({ entry }, index) => (index === 2 ? { ...entry, action: 'key.kept' } : entry));
    const { warnings } = parseOriginalSnapshot(snapshotOf({ audit_log: log }));
    expect(warnings.warnings).toEqual([
      {
        code: 'AUDIT_CHAIN_BROKEN',
        path: 'audit_log.2',
        message: 'the audit chain does not hold at entry 2 (hash)',
      },
    ]);
  });
});
