/** Whether containerd asks the mirror as coordination spec 13.3 wants it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@muster/core';
import { type Finding, ok, problem, warning } from './finding.ts';
import { parseToml, type TomlTable, type TomlValue } from './toml.ts';

const DEFAULT_FOLDER = '/etc/containerd/certs.d';
const CRI_PLUGINS = ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.images'];

export interface ContainerdPlaces {
  readonly configPath: string;
  /** Given by the user; else as the configuration says. */
  readonly folder: string | undefined;
  /** `host:port` of the mirror. */
  readonly mirror: string;
  readonly registries: readonly string[];
}

/** Looks at the configuration of containerd; undefined when there is none on this machine. */
export async function examineContainerd(places: ContainerdPlaces): Promise<readonly Finding[] | undefined> {
  const config = await readToml(places.configPath);
  const configured = config === undefined || config instanceof Error ? undefined : configPathOf(config);
  const folder = places.folder ?? configured?.split(':')[0] ?? DEFAULT_FOLDER;
  const present = await foldersIn(folder);
  if (config === undefined && present === undefined) return undefined;
  const findings: Finding[] = [];
  if (config instanceof Error) {
    findings.push(
      warning('containerd', `${places.configPath}: ${config.message}`, 'Check the file by hand.'),
    );
  } else if (configured === undefined && places.folder === undefined) {
    findings.push(
      problem(
        'containerd',
        `${places.configPath} names no config_path, so ${folder} may not be read`,
        `Set config_path = "${folder}" under [plugins."${CRI_PLUGINS[1]}".registry] (of the CRI plugin of your version) and restart containerd.`,
      ),
    );
  } else findings.push(ok('containerd', `reads ${folder}`));
  for (const registry of places.registries)
    findings.push(await examineRegistry(folder, registry, places.mirror));
  return findings;
}

async function examineRegistry(folder: string, registry: string, mirror: string): Promise<Finding> {
  const what = `containerd, ${registry}`;
  const [path, hosts] = await hostsOf(folder, registry);
  const wanted = hostsText(mirror, registry);
  if (hosts === undefined) {
    return problem(what, `there is no ${path}`, `Write this to it, and pull again:\n${wanted}`);
  }
  if (hosts instanceof Error)
    return problem(what, `${path}: ${hosts.message}`, `Write this to it:\n${wanted}`);
  const tables = isTable(hosts['host']) ? hosts['host'] : {};
  const entry = Object.entries(tables).find(([url]) => isMirror(url, mirror));
  if (entry === undefined) {
    const others = Object.keys(tables).join(', ');
    return problem(
      what,
      `${path} asks ${others === '' ? 'no mirror' : others}, not ${mirror}`,
      `Add this to it:\n${wanted}`,
    );
  }
  return examineHost(what, path, { server: hosts['server'], url: entry[0], host: entry[1], mirror });
}

function examineHost(
  what: string,
  path: string,
  parts: {
    readonly server: TomlValue | undefined;
    readonly url: string;
    readonly host: TomlValue;
    readonly mirror: string;
  },
): Finding {
  const { server, url, mirror } = parts;
  const host: TomlTable = isTable(parts.host) ? parts.host : {};
  const capabilities = Array.isArray(host['capabilities'])
    ? (host['capabilities'] as readonly TomlValue[])
    : [];
  for (const needed of ['pull', 'resolve']) {
    if (!capabilities.includes(needed)) {
      const fix = `Set capabilities = ["pull", "resolve"] below [host."${url}"] in ${path}.`;
      return problem(what, `${path} does not let ${url} ${needed}`, fix);
    }
  }
  if (host['override_path'] === true) {
    return problem(
      what,
      `${path} sets override_path, so that paths lack /v2`,
      `Take override_path out of ${path}.`,
    );
  }
  if (typeof server !== 'string') {
    const fix = `Set server = "https://<registry>" at the top of ${path}.`;
    return problem(
      what,
      `${path} has no server, so that the mirror is not told which registry is meant`,
      fix,
    );
  }
  if (url.startsWith('https:')) {
    const fix = `Write [host."http://${mirror}"] in ${path}.`;
    return problem(what, `${path} asks the mirror with TLS, which it does not speak`, fix);
  }
  if (host['skip_verify'] !== true) {
    const fix = `Set skip_verify = true below [host."${url}"] in ${path}.`;
    return warning(what, `${path} is right, but for skip_verify`, fix);
  }
  const isStrict = isMirror(server, mirror);
  return ok(what, `${path} is right${isStrict ? ', and strict: nothing goes around the mirror' : ''}`);
}

function hostsText(mirror: string, registry: string): string {
  const server = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  return [
    `  server = "https://${server}"`,
    `  [host."http://${mirror}"]`,
    '    capabilities = ["pull", "resolve"]',
    '    skip_verify = true',
  ].join('\n');
}

/** The hosts file of a registry, or of all (`_default`). */
async function hostsOf(
  folder: string,
  registry: string,
): Promise<readonly [path: string, content: TomlTable | Error | undefined]> {
  const own = join(folder, registry, 'hosts.toml');
  const content = await readToml(own);
  if (content !== undefined) return [own, content];
  const general = join(folder, '_default', 'hosts.toml');
  const shared = await readToml(general);
  return shared === undefined ? [own, undefined] : [general, shared];
}

/** `config_path` of the CRI plugin, whose name depends on the version. */
function configPathOf(config: TomlTable): string | undefined {
  const plugins = isTable(config['plugins']) ? config['plugins'] : {};
  for (const name of CRI_PLUGINS) {
    const plugin = plugins[name];
    const registry = isTable(plugin) ? plugin['registry'] : undefined;
    const path = isTable(registry) ? registry['config_path'] : undefined;
    if (typeof path === 'string' && path !== '') return path;
  }
  return undefined;
}

async function readToml(path: string): Promise<TomlTable | Error | undefined> {
  try {
    return parseToml(await readFile(path, 'utf8'));
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? undefined : (error as Error);
  }
}

async function foldersIn(folder: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(folder);
  } catch {
    return undefined;
  }
}

export function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Whether a URL, or `host:port`, is the mirror's. */
export function isMirror(text: string, mirror: string): boolean {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  const own = URL.parse(`http://${mirror}`);
  if (url === null || own === null) return false;
  const local = ['localhost', '[::1]'];
  const hostOf = ({ hostname }: URL): string =>
    local.includes(hostname) || hostname.startsWith('127.') ? 'this machine' : hostname;
  return (url.port || '80') === (own.port || '80') && hostOf(url) === hostOf(own);
}
