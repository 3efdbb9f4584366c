import { RegistryClient } from '@muster/client';
import { Identity } from '@muster/core/identity';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Registry } from '../../src/index.ts';

const ADMIN_TOKEN = 'correct horse battery staple';
let registry: Registry;
let client: RegistryClient;

beforeEach(async () => {
  registry = await Registry.start({ listen: { host: '127.0.0.1', port: 0 }, adminToken: ADMIN_TOKEN });
  client = new RegistryClient({
    address: `127.0.0.1:${registry.port}`,
    identity: Identity.generate(),
    adminToken: ADMIN_TOKEN,
  });
});

afterEach(async () => {
  await client.close();
  await registry.stop();
});

/** Value of a series, written as in the text format. */
async function value(series: string): Promise<number | undefined> {
  for (const line of (await registry.metrics.render()).split('\n')) {
    if (line.startsWith(`${series} `)) return Number(line.slice(series.length + 1));
  }
  return undefined;
}

/** The names of spec 15 whose parts this version has. */
const NAMES = `
pilot_requests_total pilot_errors_total pilot_request_duration_seconds pilot_nodes_online pilot_nodes_total
pilot_trust_links pilot_task_executors pilot_uptime_seconds pilot_runtime_goroutines pilot_registry_tcp_connections
pilot_list_nodes_cache_hits pilot_list_nodes_cache_waits pilot_list_nodes_cache_rebuilds pilot_registrations_total
pilot_deregistrations_total pilot_trust_reports_total pilot_trust_revocations_total pilot_wal_full_total
pilot_wal_errors_total pilot_wal_size_bytes pilot_save_failures_total pilot_save_total pilot_save_last_unix_seconds
pilot_save_duration_seconds pilot_recovered_panics_total pilot_audit_action_total pilot_audit_events_total
pilot_signature_verify_total pilot_event_bus_publish_total pilot_event_bus_publish_by_type_total
pilot_ratelimit_denied_total pilot_pubkeys_total pilot_replication_is_standby pilot_networks_total
pilot_networks_enterprise pilot_key_rotations_total pilot_idp_verifications_total pilot_idp_configured
pilot_network_members pilot_network_admins pilot_network_owners pilot_network_enterprise pilot_network_policy_set
`
  .trim()
  .split(/\s+/);

it('declares the names of the original', async () => {
  const text = await registry.metrics.render();
  const declared = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1]));
  expect(NAMES.filter((name) => !declared.has(name))).toEqual([]);
});

it('counts what happens', async () => {
  const { nodeId } = await client.register({ hostname: 'alpha' });
  const { networkId } = await client.createNetwork({ name: 'acme', enterprise: true });
  await client.heartbeat();
  await client.listNodes(networkId);
  expect(await value('pilot_nodes_total')).toBe(1);
  expect(await value('pilot_nodes_online')).toBe(1);
  expect(await value('pilot_registrations_total')).toBe(1);
  expect(await value('pilot_requests_total{type="heartbeat"}')).toBe(1);
  expect(await value('pilot_request_duration_seconds_count{type="register"}')).toBe(1);
  expect(await value('pilot_networks_enterprise')).toBe(1);
  const label = `{network="${networkId}"}`;
  expect(await value(`pilot_network_members${label}`)).toBe(1);
  expect(await value(`pilot_network_owners${label}`)).toBe(1);
  expect(await value(`pilot_network_admins${label}`)).toBe(0);
  expect(await value('pilot_audit_action_total{action="network.created"}')).toBe(1);
  expect(await value('pilot_list_nodes_cache_rebuilds')).toBe(1);
  expect(nodeId).toBe(1);
});

it('folds types that strangers make up (B-07)', async () => {
  const series = async (): Promise<number> =>
    (await registry.metrics.render()).split('\n').filter((line) => line.startsWith('pilot_')).length;
  await expect(client.send('made_up', {})).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
  const before = await series();
  for (let i = 0; i < 50; i++) {
    await expect(client.send(`made_up_${i}`, {})).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
  }
  expect(await series()).toBe(before);
  expect(await value('pilot_requests_total{type="unknown"}')).toBe(51);
});
