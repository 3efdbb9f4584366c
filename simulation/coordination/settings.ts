import { type CoordinationSettings, DEFAULT_COORDINATION_SETTINGS } from '@muster/coordination';
import { SCALE } from './scale.ts';

/** Settings whose unit is bytes: they shrink with the bytes. */
const SCALED = [
  'stallBytesPerSecond',
  'holdbackBytes',
  'verifyFirstMaxBytes',
  'peerMinBytesPerSecond',
] as const satisfies readonly (keyof CoordinationSettings)[];

/** The defaults of an agent, in a world in which a byte stands for many; `changes` are in that world's bytes. */
export function simSettings(changes: Partial<CoordinationSettings> = {}): CoordinationSettings {
  const settings = { ...DEFAULT_COORDINATION_SETTINGS };
  for (const name of SCALED) settings[name] = Math.max(1, Math.floor(settings[name] / SCALE));
  return { ...settings, verifyOnStart: 'off', ...changes };
}
