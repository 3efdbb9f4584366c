/**
 * The metrics of a program, rendered as Prometheus text 0.0.4. Every label has a declared set of values; anything else
 * is counted under `other`, so that no stranger can grow the table (registry spec B-07).
 */

import { Counter, Gauge, Histogram } from './instruments.ts';
import { escapeHelp, formatLabels, formatNumber } from './text-format.ts';

/** Label under which values outside the declared set are counted. */
export const OTHER_LABEL_VALUE = 'other';

/** Content type of {@link MetricsRegistry.render}. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Series of one collected metric, unless it says otherwise; further ones are left out and counted. */
export const MAX_COLLECTED_SERIES = 10_000;

/** Most series that one family of declared labels may have. */
const MAX_FAMILY_SERIES = 10_000;

/** The declared values of each label. */
export type LabelSets = Readonly<Record<string, readonly string[]>>;

/** Instruments of one kind under one name, told apart by labels. All of them exist from the start. */
export interface Family<Instrument, Labels extends LabelSets> {
  /**
   * The instrument of these label values. Undeclared values find the one of `other`. Look it up once and keep it where
   * events are frequent.
   */
  with(labels: Readonly<Record<keyof Labels & string, string>>): Instrument;
}

/** One value that a collector reports. */
export interface CollectedSample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

type MetricType = 'counter' | 'gauge' | 'histogram';

interface Metric {
  readonly type: MetricType;
  readonly help: string;
  readonly write: (lines: string[]) => void;
}

/** Holds the metrics and renders them in the order in which they were declared. */
export class MetricsRegistry {
  readonly #metrics = new Map<string, Metric>();
  readonly #sources: (() => string | Promise<string>)[] = [];
  #leftOutSeries = 0;

  /** Series that collectors reported beyond their limit, since the start. */
  get leftOutSeries(): number {
    return this.#leftOutSeries;
  }

  counter(name: string, help: string): Counter {
    return this.#addSingle(name, help, 'counter', new Counter(), writeValue);
  }

  gauge(name: string, help: string): Gauge {
    return this.#addSingle(name, help, 'gauge', new Gauge(), writeValue);
  }

  /** `bounds` are the upper bounds of the buckets, ascending, without the infinite one. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#addSingle(name, help, 'histogram', new Histogram(bounds), writeHistogram);
  }

  counterFamily<const L extends LabelSets>(name: string, help: string, labels: L): Family<Counter, L> {
    return this.#addFamily(name, help, 'counter', labels, () => new Counter(), writeValue);
  }

  gaugeFamily<const L extends LabelSets>(name: string, help: string, labels: L): Family<Gauge, L> {
    return this.#addFamily(name, help, 'gauge', labels, () => new Gauge(), writeValue);
  }

  histogramFamily<const L extends LabelSets>(
    name: string,
    help: string,
    labels: L,
    bounds: readonly number[],
  ): Family<Histogram, L> {
    return this.#addFamily(name, help, 'histogram', labels, () => new Histogram(bounds), writeHistogram);
  }

  /**
   * A metric whose values are asked for at each rendering: a number, or samples whose labels are not known beforehand
   * (`network`), of which at most `maxSeries` are shown.
   */
  collected(
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    collect: () => number | Iterable<CollectedSample>,
    options: { readonly maxSeries?: number } = {},
  ): void {
    const maxSeries = options.maxSeries ?? MAX_COLLECTED_SERIES;
    const write = (lines: string[]): void => {
      const collected = collect();
      const samples = typeof collected === 'number' ? [{ value: collected }] : collected;
      let series = 0;
      for (const sample of samples) {
        series += 1;
        if (series > maxSeries) this.#leftOutSeries += 1;
        else lines.push(`${name}${formatLabels(sample.labels ?? {})} ${formatNumber(sample.value)}`);
      }
    };
    this.#add(name, { type, help, write });
  }

  /** Appends the text of another source of metrics, such as those of the process, to every rendering. */
  addSource(render: () => string | Promise<string>): void {
    this.#sources.push(render);
  }

  /** All metrics as Prometheus text 0.0.4. */
  async render(): Promise<string> {
    const lines: string[] = [];
    for (const [name, metric] of this.#metrics) {
      lines.push(`# HELP ${name} ${escapeHelp(metric.help)}`, `# TYPE ${name} ${metric.type}`);
      metric.write(lines);
    }
    const own = lines.length === 0 ? '' : `${lines.join('\n')}\n`;
    const others = await Promise.all(this.#sources.map(async (render) => await render()));
    return [own, ...others.map((text) => (text === '' || text.endsWith('\n') ? text : `${text}\n`))].join('');
  }

  #add(name: string, metric: Metric): void {
    if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) throw new TypeError(`${name} is no name of a metric`);
    if (this.#metrics.has(name)) throw new TypeError(`the metric ${name} is declared twice`);
    this.#metrics.set(name, metric);
  }

  #addSingle<I>(name: string, help: string, type: MetricType, instrument: I, write: SampleWriter<I>): I {
    this.#add(name, { type, help, write: (lines) => write(lines, name, {}, instrument) });
    return instrument;
  }

  #addFamily<I, L extends LabelSets>(
    name: string,
    help: string,
    type: MetricType,
    labels: L,
    create: () => I,
    write: SampleWriter<I>,
  ): Family<I, L> {
    const family = new LabelledFamily<I, L>(name, labels, create);
    const writeAll = (lines: string[]): void => {
      for (const { labels: values, instrument } of family.members()) write(lines, name, values, instrument);
    };
    this.#add(name, { type, help, write: writeAll });
    return family;
  }
}

interface FamilyMember<Instrument> {
  readonly labels: Readonly<Record<string, string>>;
  readonly instrument: Instrument;
}

class LabelledFamily<Instrument, Labels extends LabelSets> implements Family<Instrument, Labels> {
  readonly #names: readonly string[];
  readonly #declared: readonly ReadonlySet<string>[];
  readonly #members = new Map<string, FamilyMember<Instrument>>();

  constructor(name: string, labels: Labels, create: () => Instrument) {
    this.#names = Object.keys(labels);
    this.#declared = Object.values(labels).map((values) => new Set([...values, OTHER_LABEL_VALUE]));
    const series = this.#declared.reduce((product, values) => product * values.size, 1);
    if (series > MAX_FAMILY_SERIES) throw new TypeError(`${name} would have ${series} series`);
    this.#createMembers([], create);
  }

  with(labels: Readonly<Record<keyof Labels & string, string>>): Instrument {
    const given = labels as Readonly<Record<string, string>>;
    const values = this.#names.map((name, index) => {
      const value = given[name] ?? OTHER_LABEL_VALUE;
      return this.#declared[index]?.has(value) === true ? value : OTHER_LABEL_VALUE;
    });
    return (this.#members.get(values.join('\n')) as FamilyMember<Instrument>).instrument;
  }

  members(): Iterable<FamilyMember<Instrument>> {
    return this.#members.values();
  }

  #createMembers(values: readonly string[], create: () => Instrument): void {
    const next = this.#declared[values.length];
    if (next === undefined) {
      const labels = Object.fromEntries(this.#names.map((name, index) => [name, values[index] as string]));
      this.#members.set(values.join('\n'), { labels, instrument: create() });
      return;
    }
    for (const value of next) this.#createMembers([...values, value], create);
  }
}

type SampleWriter<Instrument> = (
  lines: string[],
  name: string,
  labels: Readonly<Record<string, string>>,
  instrument: Instrument,
) => void;

const writeValue: SampleWriter<Counter | Gauge> = (lines, name, labels, { value }) => {
  lines.push(`${name}${formatLabels(labels)} ${formatNumber(value)}`);
};

const writeHistogram: SampleWriter<Histogram> = (lines, name, labels, { bounds, counts, sum }) => {
  let cumulative = 0;
  counts.forEach((count, index) => {
    cumulative += count;
    const bound = bounds[index];
    const le = bound === undefined ? '+Inf' : formatNumber(bound);
    lines.push(`${name}_bucket${formatLabels({ ...labels, le })} ${cumulative}`);
  });
  lines.push(`${name}_sum${formatLabels(labels)} ${formatNumber(sum)}`);
  lines.push(`${name}_count${formatLabels(labels)} ${cumulative}`);
};
