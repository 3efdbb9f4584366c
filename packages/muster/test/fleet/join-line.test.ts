import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeJoinLine, encodeJoinLine, type JoinLine, TICKET_BYTES } from '../../src/fleet/join-line.ts';

const LINE: JoinLine = {
  ticket: new Uint8Array(TICKET_BYTES).fill(7),
  host: '127.0.0.1',
  controlPort: 41_234,
  registryPort: 9000,
};
const INVALID = expect.objectContaining({ code: 'JOIN_LINE_INVALID' }) as Error;

it('says what it was made of', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: TICKET_BYTES, maxLength: TICKET_BYTES }),
      fc.constantFrom('127.0.0.1', '::1', 'a.example', 'x'.repeat(253)),
      fc.integer({ min: 1, max: 65_535 }),
      fc.integer({ min: 1, max: 65_535 }),
      (ticket, host, controlPort, registryPort) => {
        const line = { ticket, host, controlPort, registryPort };
        expect(decodeJoinLine(encodeJoinLine(line))).toEqual(line);
      },
    ),
  );
});

it('is found behind the command that it was printed with', () => {
  const text = encodeJoinLine(LINE);
  for (const pasted of [`muster join ${text}`, `  npm run -s muster -- join ${text}\n`, `${text}\r\n`]) {
    expect(decodeJoinLine(pasted)).toEqual(LINE);
  }
});

it('is refused when a character is wrong, missing or too many', () => {
  const text = encodeJoinLine(LINE);
  for (let index = 0; index < text.length; index += 1) {
    expect(() => decodeJoinLine(text.slice(0, index))).toThrow(INVALID);
    const other = text[index] === 'A' ? 'B' : 'A';
    // The last character has bits that mean nothing.
    if (index < text.length - 1) {
      expect(() => decodeJoinLine(text.slice(0, index) + other + text.slice(index + 1))).toThrow(INVALID);
    }
    expect(() => decodeJoinLine(`${text.slice(0, index)}A${text.slice(index)}`)).toThrow(INVALID);
  }
});

it.each([
  ['', 'does not begin'],
  ['hello', 'does not begin'],
  ['mst2.AAAA', 'another version'],
  ['mst1.', 'no spaces'],
  ['mst1.a+b/', 'a character in it that none has'],
  ['mst1.AAAA', 'its end is missing'],
  ['x'.repeat(2_000), 'too long'],
])('%j is refused, and it is said why', (text, why) => {
  expect(() => decodeJoinLine(text)).toThrow(INVALID);
  const message = ((): string => {
    try {
      decodeJoinLine(text);
      return '';
    } catch (error) {
      return `${(error as Error).message} ${(error as { hint?: string }).hint}`;
    }
  })();
  expect(message).toContain(why);
});

it('is never made of nonsense', () => {
  expect(() => encodeJoinLine({ ...LINE, ticket: new Uint8Array(3) })).toThrow(TypeError);
  expect(() => encodeJoinLine({ ...LINE, host: '' })).toThrow(TypeError);
});

it('does not take any bytes with a right sum for an address', () => {
  for (const line of [
    { ...LINE, controlPort: 0 },
    { ...LINE, registryPort: 0 },
    { ...LINE, host: 'a b' },
  ]) {
    expect(() => decodeJoinLine(encodeJoinLine(line))).toThrow(INVALID);
  }
});
