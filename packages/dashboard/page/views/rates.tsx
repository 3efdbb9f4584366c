import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { useStore } from '../browser/store.ts';
import { alignedSeries, type PlotGroup, plotGroups } from '../model/plots.ts';
import { shown } from '../model/text.ts';
import { usePage } from './context.tsx';
import { Nothing, Section } from './parts.tsx';
import { Plot } from './plot.tsx';

const WINDOWS = [
  { minutes: 1, title: 'one minute' },
  { minutes: 5, title: 'five minutes' },
  { minutes: 10, title: 'ten minutes' },
] as const;

/** Every figure over time. */
export function RatesPage(): JSX.Element {
  const { store } = usePage();
  const series = useStore(store, ({ live }) => live.fleet?.series);
  const at = useStore(store, ({ live }) => Math.floor((live.fleet?.at ?? 0) / 1000)) * 1000;
  const [minutes, setMinutes] = useState(5);
  const groups = useMemo(() => plotGroups(series?.values() ?? []), [series]);
  return (
    <Section
      title="Rates and latencies"
      note={
        <label>
          the last{' '}
          <select value={minutes} onChange={(event) => setMinutes(Number(event.currentTarget.value))}>
            {WINDOWS.map((window) => (
              <option key={window.minutes} value={window.minutes}>
                {window.title}
              </option>
            ))}
          </select>
        </label>
      }
    >
      {groups.length === 0 ? (
        <Nothing title="No figures yet.">
          <p>
            Rates are differences of counters: the first comes with the second answer of a service, after a
            second or so.
          </p>
        </Nothing>
      ) : (
        <div class="plots">
          {groups.map((group) => (
            <Group key={group.id} group={group} from={at - minutes * 60_000} />
          ))}
        </div>
      )}
    </Section>
  );
}

function Group({ group, from }: { readonly group: PlotGroup; readonly from: number }): JSX.Element {
  const data = useMemo(() => alignedSeries(group.series, from), [group, from]);
  const label = shown(group.label, 80);
  return (
    <section class="plot-box" aria-label={label}>
      <h3>{label}</h3>
      <Plot
        label={label}
        unit={shown(group.unit, 16)}
        data={data}
        names={group.names.map((name) => shown(name, 40))}
      />
    </section>
  );
}
