/**
 * Which resources a peer may see (discovery spec 20.5).
 *
 * Fault model: the requester is authenticated, and its word is taken for the groups of its own users only. Resources
 * come from applications and may have any shape: what does not have the shape asked for grants nothing.
 */

import { type AccessFilter, PUBLIC_ACCESS, type Resource } from './resource-store.ts';

const ALL_GROUPS = '*';

/** Whether the filter's requester may see the resource and asked for it. Never throws. */
export function isVisible(resource: Resource, filter: AccessFilter): boolean {
  if (filter.ownId === '' || resource.creator_id !== filter.ownId) return false;
  return (
    (resource.access_mode === PUBLIC_ACCESS || isPartner(resource, filter)) && matches(resource, filter.text)
  );
}

function isPartner(resource: Resource, { requester, groups }: AccessFilter): boolean {
  // The key is the requester's, never our own (F:80).
  const keys = [requester.peer, requester.did].filter((key) => key !== undefined && key !== '');
  const wanted = new Set<unknown>([...groups, ALL_GROUPS]);
  return items(resource.instances).some((instance) =>
    items(member(instance, 'partnerships')).some((partnership) => {
      const granted = member(partnership, 'peer_groups');
      return keys.some((key) => items(member(granted, key as string)).some((group) => wanted.has(group)));
    }),
  );
}

function matches(resource: Resource, text: string): boolean {
  if (text === '') return true;
  const needle = text.toLowerCase();
  const { name, type, short_description, description, owners } = resource;
  const texts: unknown[] = [name, type, short_description, description];
  for (const owner of items(owners)) texts.push(member(owner, 'name'));
  return texts.some((each) => typeof each === 'string' && each.toLowerCase().includes(needle));
}

function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
