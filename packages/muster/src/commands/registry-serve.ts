import { defineCommand } from '../cli/command.ts';
import { registrySettings } from '../settings/registry-settings.ts';

export const serve = defineCommand({
  name: 'serve',
  summary: 'Run a registry until it is stopped.',
  description:
    'Run a registry: the directory of a fleet. Only programs of this machine can connect unless --registry-addr says ' +
    'otherwise. SIGINT and SIGTERM stop it cleanly, SIGHUP makes it read its TLS files again.',
  settings: registrySettings,
  takesConfigFile: true,
  examples: [
    'registry serve --data /var/lib/muster --admin-token-file /etc/muster/admin-token',
    'registry serve --make-admin-token',
    'registry serve --config /etc/muster/registry.yaml',
    'registry serve --registry-addr :9000 --tls --strict-directory-auth',
  ],
  run: async (context) => {
    // Loaded when it is needed: other commands are quicker, and smaller, without a registry.
    const { runRegistry } = await import('../serve/run-registry.ts');
    return await runRegistry(context, { makesAdminToken: context.values.makeAdminToken });
  },
});
