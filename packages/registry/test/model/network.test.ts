import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Network } from '../../src/model/network.ts';

const profile = {
  id: 5,
  name: 'five',
  joinRule: 'open',
  token: undefined,
  adminToken: undefined,
  enterprise: false,
  policy: undefined,
  rules: undefined,
  exprPolicy: undefined,
  created: 1,
};

it('keeps members in order of joining, with their roles, whatever joins and leaves', () => {
  const step = fc.tuple(
    fc.constantFrom('add', 'add', 'remove', 'tag'),
    fc.integer({ min: 1, max: 60 }),
    fc.constantFrom('owner', 'admin', 'member'),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const network = new Network(profile);
      let model: { node: number; role: string }[] = [];
      for (const [what, node, role] of steps) {
        const known = model.some((member) => member.node === node);
        if (what === 'add') {
          expect(network.add(node, role)).toBe(!known);
          if (!known) model.push({ node, role });
        } else if (what === 'remove') {
          expect(network.remove(node)).toBe(known);
          model = model.filter((member) => member.node !== node);
        } else if (known) {
          network.tags.set(node, ['t']);
        }
        expect(network.has(node)).toBe(model.some((member) => member.node === node));
      }
      expect([...network.memberIds()]).toEqual(model.map((member) => member.node));
      expect([...network.members()]).toEqual(model.map((member) => member.node));
      expect(network.memberCount).toBe(model.length);
      for (const { node, role } of model) expect(network.role(node)).toBe(role);
      expect(network.firstWithRole('owner')).toBe(model.find((member) => member.role === 'owner')?.node ?? 0);
    }),
  );
});

it('forgets role and tags of a member that leaves', () => {
  const network = new Network(profile);
  network.add(1, 'admin');
  network.tags.set(1, ['x']);
  network.remove(1);
  expect(network.role(1)).toBeUndefined();
  network.add(1, 'member');
  expect(network.role(1)).toBe('member');
  expect(network.tags.has(1)).toBe(false);
});

it('does not grow while members come and go', () => {
  const network = new Network(profile);
  network.add(1, 'owner');
  for (let i = 2; i < 200_000; i++) {
    network.add(i, 'member');
    network.remove(i);
  }
  expect([...network.memberIds()]).toEqual([1]);
  expect(network.has(1)).toBe(true);
});
