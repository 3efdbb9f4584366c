import { MusterError } from '@muster/core';
import { type KeyRing, openStatement, statementSignatureError } from '../auth/index.ts';
import type { Demand } from './operation.ts';
import { refuse, type RefusalCode } from './refusal.ts';

/** Runs a step of reading a statement; its error becomes a refusal with `prefix` before the text. */
export function readStatement<T>(step: () => T, code: RefusalCode, toText: (error: string) => string): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof MusterError) return refuse(code, toText(error.message));
    throw error;
  }
}

/** The demand that a statement is signed by its issuer; refuses what can be seen to be wrong at once. */
export function statementDemand<T extends { readonly kid: string }>(
  parse: (text: string) => T,
  text: string,
  signature: string,
  ring: KeyRing,
  code: RefusalCode,
  toText: (error: string) => string,
): Demand {
  const opened = readStatement(() => openStatement(parse, text, signature, ring), code, toText);
  return {
    kind: 'statement',
    key: opened.issuerKey,
    text: opened.text,
    signature: opened.signature,
    code,
    failed: toText(statementSignatureError().message),
  };
}
