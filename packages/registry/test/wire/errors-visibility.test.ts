import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  heartbeatTooShortText,
  HIDDEN_ERROR_TEXT,
  isVisible,
  lookupTooShortText,
  resolveTooShortText,
  toClientText,
  unknownOpcodeText,
  unsupportedVersionText,
} from '../../src/wire/index.ts';
import { ERROR_TEXTS } from './error-texts.ts';

/** The text with harmless values in its places. */
function fill(text: string): string {
  return text
    .replaceAll('0x%02x', '0x05')
    .replaceAll('%d', '7')
    .replaceAll('%q', '"x"')
    .replaceAll('%s', 'x')
    .replaceAll('..', 'detail');
}

const rowsOf = (visibility: string): string[] =>
  ERROR_TEXTS.filter((row) => row[1] === visibility).map(([text]) => text);

describe('visibility of error texts', () => {
  it.each(rowsOf('shown'))('shows: %s', (text) => {
    expect(isVisible(fill(text))).toBe(true);
    expect(toClientText(fill(text))).toBe(fill(text));
  });

  it.each(rowsOf('hidden'))('hides: %s', (text) => {
    expect(isVisible(fill(text))).toBe(false);
    expect(toClientText(fill(text))).toBe('request failed');
  });

  it.each(rowsOf('by detail'))('depends on the detail: %s', (text) => {
    expect(toClientText(fill(text))).toBe(HIDDEN_ERROR_TEXT);
    const shown = text.replace('..', 'name too long');
    expect(toClientText(shown)).toBe(shown);
  });

  it('lists the texts of the binary framing as direct', () => {
    const direct = rowsOf('direct').map(fill);
    for (const text of [
      unsupportedVersionText(7),
      unknownOpcodeText(5),
      heartbeatTooShortText(7),
      lookupTooShortText(7),
      resolveTooShortText(7),
    ]) {
      expect(direct).toContain(text);
    }
  });

  it('compares case-sensitively and finds its words anywhere', () => {
    expect(isVisible('Invalid')).toBe(false);
    expect(isVisible('')).toBe(false);
    expect(isVisible('xxnot foundxx')).toBe(true);
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        expect(isVisible(`${before}too many${after}`)).toBe(true);
        const text = toClientText(before);
        expect(text === before || text === HIDDEN_ERROR_TEXT).toBe(true);
      }),
    );
  });
});
