/** The reference pages as text, from declarations that are passed in. */
import {
  describeFlags,
  EXIT_CODES,
  type ErrorFamily,
  type FlagDescription,
  type Settings,
} from '@muster/core';
import { isVisible, type Operation, refusalCodes } from '@muster/registry';

const HEADER =
  '<!-- Written by `npm run docs` from the declarations in the source; a test compares them. -->';

/** A Markdown table; cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
}

const code = (text: string): string => `\`${text}\``;

function page(...paragraphs: readonly string[]): string {
  return `${[HEADER, ...paragraphs].join('\n\n')}\n`;
}

const FRAMING = `A client opens a TCP connection (or TLS on the same port) and sends requests; answers come in the order of the requests.
There are no request numbers, and the server says nothing first.

* **JSON.** Every message is \`[u32 BE length][JSON object]\`, both ways. \`type\` names the operation; the answer has the type
  \`<type>_ok\`.
* **Binary.** The client first sends \`50 49 4C 54 01\` ("PILT" and version 1). Then every message is
  \`[u32 BE length][u8 opcode][payload]\`, where the length counts the opcode.

${table(
  ['Opcode', 'From', 'Meaning', 'Payload'],
  [
    ['`0x00`', 'both', 'a JSON message', 'JSON object'],
    ['`0x01`', 'client', 'heartbeat', '`[u32 node][64 bytes signature]`'],
    [
      '`0x81`',
      'server',
      'heartbeat answered',
      '`[u64 unix seconds][u8 flags]`; bit 0: the key expires within a day',
    ],
    ['`0x02`', 'client', 'lookup', '`[u32 node]`'],
    [
      '`0x82`',
      'server',
      'lookup answered',
      '`[u32 node][u8 flags][u32 0][u16 n][n × u16 network][u8 + key][u8 + hostname][u8 t][t × (u8 + tag)][u16 + real_addr][u8 + external id]`; flags: bit 0 public, bit 1 task_exec',
    ],
    ['`0x03`', 'client', 'resolve', '`[u32 target][u32 requester][64 bytes signature]`'],
    [
      '`0x83`',
      'server',
      'resolve answered',
      '`[u32 node][u16 + real_addr][u16 m][m × (u16 + LAN address)][u32 key age in days]`; 0xFFFFFFFF: unknown',
    ],
    ['`0xFF`', 'server', 'error', '`[u16 n][n bytes text]`'],
  ],
)}

Numbers are big endian. A JSON message may be sent in either framing.`;

const READING = `Fields that are missing or of another type read as empty (0, \`""\`, \`false\`, no list); there is no error "missing field". Fractions are
cut, numbers out of range read as 0, unknown fields are ignored. Every message may also carry what its proof needs:
\`admin_token\`, or \`ts\`, \`nonce\` and \`signature_v2\`.

An error is \`{"type":"error","error":text,"code":code}\`, sometimes with \`retry_after_ms\`. The text is that of the original
server, which hides many of them: JSON callers read \`request failed\` where a text below is marked *hidden*. The code is
Muster's own and is always there. The native binary operations (heartbeat, lookup, resolve) answer with the full text and
no code. In texts, \`%d\` stands for a number, \`%s\` for a text, \`%q\` for a quoted one, \`..\` for a reason.

Proofs: **signature**: by the key of the acting node over the challenge, base64 in \`signature\`. **admin**: \`admin_token\` with
the right scope. **role**: an admin token, the network's own token, or a member with that role that has signed something
on this connection within the last 120 s. **statement**: the signed statement in the message itself.`;

/** The reference of the registry's messages. */
export function protocolPage(operations: readonly Operation[], legacy: readonly Operation[]): string {
  const overview = table(
    ['Message', 'What it does', 'Proof', 'Standby answers'],
    operations.map((row) => [
      `[${row.type}](#${row.type})`,
      row.summary,
      row.auth,
      row.standby ? 'yes' : 'no',
    ]),
  );
  return page(
    '# Messages of the registry',
    'The protocol of the Pilot registry, as this version of Muster speaks it.',
    '## Frames',
    FRAMING,
    '## Messages',
    READING,
    overview,
    ...operations.map(operationSection),
    '## Messages of older servers',
    'Answered only when the operator asks for it; otherwise their types are unknown.',
    ...legacy.map(operationSection),
    '## Refusals',
    'Codes that go with the error texts. They are stable: clients may act on them.',
    table(
      ['Code', 'Meaning'],
      Object.entries(refusalCodes).map(([name, meaning]) => [code(name), meaning]),
    ),
  );
}

function operationSection(row: Operation): string {
  const fields = Object.entries(row.fields).map(([name, { kind, description }]) => [
    code(name),
    kind,
    description,
  ]);
  const replies = Object.entries(row.replies).map(([name, meaning]) => [code(name), meaning]);
  const facts = [
    `Proof: ${row.auth}${row.challenge === undefined ? '' : `, over ${code(row.challenge)}`}.`,
    row.standby ? 'A standby answers it.' : 'A standby does not answer it.',
    ...(row.breaker === undefined ? [] : [`Breaker: ${code(row.breaker)}.`]),
    ...(row.emits.length === 0 ? [] : [`Writes ${row.emits.map(code).join(', ')} to the log.`]),
    `Specification: ${row.section}.`,
  ];
  return [
    `### ${row.type}`,
    row.summary,
    facts.join(' '),
    ...(fields.length === 0 ? [] : [table(['Field', 'Kind', 'Meaning'], fields)]),
    ...(replies.length === 0 ? [`Reply: ${code('type')} alone.`] : [table(['Reply', 'Meaning'], replies)]),
    ...(row.errors.length === 0 ? [] : [`Errors:\n\n${row.errors.map(errorLine).join('\n')}`]),
  ].join('\n\n');
}

function errorLine(text: string): string {
  if (isVisible(text)) return `* ${code(text)}`;
  return `* ${code(text)} *${text.endsWith('..') ? 'hidden, unless the reason is one that is shown' : 'hidden'}*`;
}

/** The reference of error codes and exit codes. `families` by package and what the errors are about. */
export function errorsPage(families: ReadonlyMap<string, ErrorFamily<string>>): string {
  const sections = [...families].map(([name, { definitions }]) => {
    const rows = Object.entries(definitions).map(([key, { summary, hint }]) => [
      code(key),
      summary,
      hint ?? '',
    ]);
    return `## ${name}\n\n${table(['Code', 'Meaning', 'What to do'], rows)}`;
  });
  const exits = Object.values(EXIT_CODES).map((exit) => [String(exit.code), exit.meaning]);
  const refusals = Object.entries(refusalCodes).map(([name, meaning]) => [code(name), meaning]);
  return page(
    '# Errors',
    'Every error has a code, a message for a person, often a hint, and details with the names of files, numbers and limits. Codes never change their meaning.',
    ...sections,
    '## What the registry answers to its clients',
    'The `code` of an error reply; [the protocol reference](registry-protocol.md) has the texts.',
    table(['Code', 'Meaning'], refusals),
    '## Exit codes of `muster`',
    table(['Code', 'Meaning'], exits),
  );
}

/**
 * The reference of settings: flags, environment, defaults. `groups` by the command or part they belong to. A group that
 * contains another one names it instead of repeating its flags.
 */
export function settingsPage(groups: ReadonlyMap<string, Settings>): string {
  const bySize = [...groups].toSorted(([, a], [, b]) => Object.keys(a).length - Object.keys(b).length);
  const sections = bySize.map(([name, settings], index) => {
    const parts = partsOf(settings, bySize.slice(0, index));
    const listed = new Set(parts.flatMap(([, part]) => Object.keys(part)));
    const flags = describeFlags(settings).filter(
      (flag) => !listed.has(flag.name) && !listed.has(flag.name.replace(/-file$/, '')),
    );
    const names = parts.map(([part]) => `*${part}*`).join(' and ');
    return [
      `## ${name}`,
      ...(parts.length === 0 ? [] : [`Everything of ${names}${flags.length === 0 ? '.' : ', and:'}`]),
      ...[...new Set(flags.map((flag) => flag.group))].flatMap((group) => [
        `**${group}**`,
        table(
          ['Flag', 'Environment', 'Default', 'Meaning'],
          flags.filter((flag) => flag.group === group).map((flag) => flagRow(settings, flag)),
        ),
      ]),
    ].join('\n\n');
  });
  return page(
    '# Settings',
    'A setting is given as a flag, as an environment variable, or as a key of the configuration file (`--config` or `MUSTER_CONFIG`; YAML or JSON; the key is the name of the flag, `_` and `-` mean the same, and so does upper case). A flag wins over the environment, the environment over the file. Of two variables the first wins.',
    'Nodes and indexers (*discovery*) also read `/etc/oc/discovery.json` and `./discovery.json`, the second over the first and both below `--config`; keys that are no settings are left out with a warning there.',
    'Mirrors (*coordination*) read their keys in the form of the original: `mirror_listen` in the file, `GANTRY_MIRROR_LISTEN` in the environment. `upstream_registries` is a list of mappings with `name`, `endpoint`, and optionally `credentials_path` and `ns_alias`; keys that are no settings are errors.',
    ...sections,
  );
}

/** The largest of the smaller groups whose settings are all part of this one, without overlap. */
function partsOf(
  settings: Settings,
  smaller: readonly (readonly [string, Settings])[],
): readonly (readonly [string, Settings])[] {
  const covered = new Set<string>();
  return smaller
    .filter(([, part]) => Object.entries(part).every(([key, setting]) => settings[key] === setting))
    .toReversed()
    .filter(([, part]) => {
      const keys = Object.keys(part);
      if (keys.some((key) => covered.has(key))) return false;
      for (const key of keys) covered.add(key);
      return true;
    });
}

function flagRow(settings: Settings, flag: FlagDescription): readonly string[] {
  const setting = settings[flag.name] ?? settings[flag.name.replace(/-file$/, '')];
  const suffix = flag.name in settings ? '' : '_FILE';
  const variables = setting === undefined ? [] : [setting.environment].flat();
  return [
    code(`--${flag.name}${flag.valueName === undefined ? '' : ` <${flag.valueName}>`}`),
    variables.map((variable) => code(variable + suffix)).join(', '),
    (flag.defaultText ?? '') === '' ? '' : code(flag.defaultText as string),
    flag.description,
  ];
}

/** One metric as it is rendered. */
interface RenderedMetric {
  readonly type: string;
  readonly help: string;
  readonly labels: Map<string, Set<string>>;
}

const OWN_METRIC = /^(pilot|muster|oc|p2p|gantry)_/;
const MOST_LABEL_VALUES = 20;

/** The reference of metrics, from their Prometheus text; what the runtime adds is named, not listed. */
export function metricsPage(texts: {
  readonly registry: string;
  readonly discovery: string;
  readonly coordination: string;
  readonly membership: string;
}): string {
  return page(
    '# Metrics',
    'Prometheus text 0.0.4 at `/metrics`, of registries and discovery for callers on the machine itself. Beside the metrics here are the figures of the process (`process_…`, `nodejs_…`): memory, collections, event-loop lag, file descriptors.',
    '## Registry',
    'At the HTTP interface. Names that begin with `pilot_` are those of the original server; `muster_` are ours.',
    metricsTable(texts.registry),
    '## Nodes and indexers',
    'At the status endpoint. The gauges of an indexer are 0 on a process that is none.',
    metricsTable(texts.discovery),
    '## Mirrors',
    'At the address for monitoring (`metrics_listen`). The names are those of the original agents, so that their dashboards go on working.',
    metricsTable(texts.coordination),
    '## Members of a registry',
    'At both, with `--registry`.',
    metricsTable(texts.membership),
    '## Labels',
    'Labels have declared values; what strangers send is counted under `unknown` or `other`. A metric with a label whose values are not declared (`network`) shows at most 10,000 series, one by `peer` at most 200 indexers.',
  );
}

function metricsTable(prometheusText: string): string {
  const rows = [...parseMetrics(prometheusText)]
    .filter(([name]) => OWN_METRIC.test(name))
    .map(([name, { type, help, labels }]) => [
      code(name),
      type,
      [...labels].map(([label, values]) => describeLabel(label, values)).join('; '),
      help,
    ]);
  return table(['Metric', 'Type', 'Labels', 'Meaning'], rows);
}

function describeLabel(label: string, values: ReadonlySet<string>): string {
  if (label === 'network') return `${code(label)}: its id`;
  if (label === 'peer') return `${code(label)}: peer id`;
  if (label === 'topic') return `${code(label)}: the event's`;
  if (label === 'protocol') return `${code(label)}: its id`;
  const shown = [...values].map(code).join(', ');
  return `${code(label)}: ${values.size > MOST_LABEL_VALUES ? `${values.size} values` : shown}`;
}

function parseMetrics(text: string): Map<string, RenderedMetric> {
  const metrics = new Map<string, RenderedMetric>();
  let help = '';
  for (const line of text.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') help = rest;
    else if (kind === 'TYPE') metrics.set(name, { type: rest, help, labels: new Map() });
    else noteSample(metrics, line);
  }
  return metrics;
}

function noteSample(metrics: ReadonlyMap<string, RenderedMetric>, line: string): void {
  const [, name = '', labels = ''] = /^([a-zA-Z_:][\w:]*)\{(.*)\} /.exec(line) ?? [];
  const metric = metrics.get(name) ?? metrics.get(name.replace(/_(bucket|sum|count)$/, ''));
  if (metric === undefined) return;
  for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    if (label === 'le') continue;
    const values = metric.labels.get(label) ?? new Set<string>();
    metric.labels.set(label, values.add(value));
  }
}

/** What is used of an OpenAPI document. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiRoute>>>>;
}

interface OpenApiRoute {
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

/** The part of JSON Schema that the routes use. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly const?: unknown;
  readonly additionalProperties?: boolean | Schema;
}

/** The reference of the HTTP interface, from its OpenAPI document. */
export function httpPage({ paths }: OpenApi): string {
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, route]) => ({ name: `${method.toUpperCase()} ${path}`, route })),
  );
  const rows = routes.map(({ name, route }) => [code(name), callers(route), route.summary ?? '']);
  return page(
    '# HTTP interface',
    'Off unless an address is given. The same description as OpenAPI 3.1 is served at `/openapi.json`. Admins send their token in the header `X-Admin-Token`, nowhere else. "The machine itself" means a loopback address, without a proxy in between.',
    table(['Route', 'For', 'What it does'], rows),
    ...routes.map(({ name, route }) => routeSection(name, route)),
    'Every error is `{"error": text, "code": code}`; the codes are in [errors](errors.md).',
  );
}

/** What is used of a route of the status endpoint. */
export interface StatusRoute {
  readonly path: string;
  readonly summary: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** The reference of the status endpoint of nodes and indexers. */
export function statusPage(routes: readonly StatusRoute[]): string {
  const rows = routes.map(({ path, summary, parameters = {} }) => [
    code(`GET ${path}`),
    summary,
    Object.entries(parameters)
      .map(([name, meaning]) => `${code(name)}: ${meaning}`)
      .join('; '),
  ]);
  return page(
    '# Status endpoint of nodes and indexers',
    'Off unless `--status-port` is given. It listens on 127.0.0.1 only, and answers programs of this machine: the Host header must name it, and pages of other sites get nothing. It changes nothing. `muster peers` asks it.',
    table(['Route', 'What it answers', 'Query'], rows),
    'Answers are JSON unless said otherwise. Every error is `{"error": text, "code": code}`; the codes are in [errors](errors.md), under *discovery* and *discovery: status*.',
  );
}

function callers({ security, responses }: OpenApiRoute): string {
  if (security !== undefined && security.length > 0) return 'admins';
  return '403' in responses ? 'the machine itself' : 'everybody';
}

function routeSection(name: string, route: OpenApiRoute): string {
  const body = schemaOf(route.requestBody?.content);
  const answers = Object.entries(route.responses).map(([status, { content }]) => ({
    status,
    schema: schemaOf(content),
  }));
  const [errors, replies] = [true, false].map((wanted) =>
    answers.filter((answer) => isError(answer) === wanted),
  );
  return [
    `## ${name}`,
    `${route.summary ?? ''}.${route.description === undefined ? '' : ` ${route.description}`}`,
    ...(body === undefined ? [] : [`Body: ${describeSchema(body)}`]),
    ...(replies ?? []).map(
      ({ status, schema }) => `${status}: ${schema === undefined ? 'nothing' : describeSchema(schema)}`,
    ),
    ...(errors === undefined || errors.length === 0
      ? []
      : [`Errors: ${errors.map(({ status }) => status).join(', ')}.`]),
  ].join('\n\n');
}

function isError({
  status,
  schema,
}: {
  readonly status: string;
  readonly schema: Schema | undefined;
}): boolean {
  return Number(status) >= 400 && schema?.properties?.['error'] !== undefined;
}

function schemaOf(
  content: Readonly<Record<string, { readonly schema: Schema }>> | undefined,
): Schema | undefined {
  return content === undefined ? undefined : Object.values(content)[0]?.schema;
}

function describeSchema(schema: Schema): string {
  const { properties, items, anyOf, required = [] } = schema;
  if (anyOf !== undefined) return [...new Set(anyOf.map(describeSchema))].join(' or ');
  if (items !== undefined) return `list of ${describeSchema(items)}`;
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (properties === undefined) return [schema.type ?? 'any'].flat().join(' or ');
  const members = Object.entries(properties).map(([name, member]) => {
    const optional = required.includes(name) ? '' : '?';
    return `${code(name + optional)}${member.properties === undefined ? '' : ` ${describeSchema(member)}`}`;
  });
  return `{ ${members.join(', ')} }`;
}
