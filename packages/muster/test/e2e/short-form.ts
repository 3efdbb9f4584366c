import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { SCENARIOS } from '../../../../benchmarks/coordination/scenarios.ts';
import { Laboratory } from '../../../../benchmarks/coordination/scenarios/laboratory.ts';

/** Runs a scenario of the laboratory with five agents and small images, and holds its findings against its bounds. */
export async function expectShortForm({ id, run, expects }: (typeof SCENARIOS)[number]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-scenario-'));
  const lab = await Laboratory.open({
    id,
    folder,
    sizes: { isQuick: true, agents: 5, series: [5] },
    progress: () => {},
  });
  try {
    const findings = await run(lab);
    for (const [name, { atLeast = -Infinity, atMost = Infinity }] of Object.entries(expects)) {
      const finding = findings[name];
      // Series are shorter here, and speed is measured elsewhere.
      if (finding === undefined || finding.unit === 's' || finding.unit === 'times') continue;
      expect(finding.value, `${name}: ${finding.note}`).toBeGreaterThanOrEqual(atLeast);
      expect(finding.value, `${name}: ${finding.note}`).toBeLessThanOrEqual(atMost);
    }
  } finally {
    await lab[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
}
