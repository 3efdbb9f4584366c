/** What is used of an entry of a lockfile. */
interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lockfile {
  packages: Record<string, LockedPackage>;
}

/** An optional package that the lockfile names and does not hold. */
export interface MissingPackage {
  readonly name: string;
  readonly version: string;
  readonly isDevelopment: boolean;
}

/** The optional packages without an entry, for which `npm ci` refuses the lockfile. */
export function missingOptionalPackages(text: string): readonly MissingPackage[] {
  const { packages } = JSON.parse(text) as Lockfile;
  const missing: MissingPackage[] = [];
  for (const [path, { optionalDependencies, dev }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
      const isThere = `node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages;
      if (!isThere) missing.push({ name, version, isDevelopment: dev === true });
    }
  }
  return missing;
}

/** The lockfile with an entry for each optional package that was missing. */
export function completeLockfile(text: string): { readonly text: string; readonly added: readonly string[] } {
  const missing = missingOptionalPackages(text);
  const lockfile = JSON.parse(text) as Lockfile;
  for (const { name, version, isDevelopment } of missing) {
    lockfile.packages[`node_modules/${name}`] = {
      version,
      ...platformOf(name),
      ...(isDevelopment ? { dev: true } : {}),
      optional: true,
    };
  }
  const sorted = Object.entries(lockfile.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lockfile.packages = Object.fromEntries(sorted);
  return { text: `${JSON.stringify(lockfile, undefined, 2)}\n`, added: missing.map(({ name }) => name) };
}

const PLATFORM =
  /-(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)(?:-(\w+))?$/;

/** The platform that such packages have in their name: `binding-linux-x64-musl`. */
function platformOf(name: string): Pick<LockedPackage, 'cpu' | 'libc' | 'os'> {
  const match = PLATFORM.exec(name);
  if (match === null) throw new Error(`${name} does not say its platform; add its entry by hand`);
  const [, os, cpu, abi] = match as unknown as readonly [string, string, string, string | undefined];
  const libc = abi === undefined || os !== 'linux' ? undefined : abi.startsWith('musl') ? 'musl' : 'glibc';
  return { cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }), os: [os] };
}
